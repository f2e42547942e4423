"""``sipwright dialplan rules``: dialplans for people who do not program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, Data, Owner, group, print_script, say
from sipwright.commands.script_files import compile_file

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.dialplans import DialplanDetail

__all__ = ["app"]

app = group("rules", "Dialplans as lists of rules, in TOML.")

File = Annotated[Path, typer.Argument(metavar="FILE.toml", help="The rules, or - for standard input.")]


@app.command(name="set")
def set_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dialplan.")],
    file: File,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Save rules as the next version of a dialplan.

    They become a script, which 'sipwright dialplan show NAME' prints. docs/dialplans.md has all rules.

    \b
    Examples:
      sipwright dialplan rules set main rules.toml
      sipwright dialplan rules show rules.toml
    """
    source = _compile(file)

    async def work(usecases: UseCases, actor: Actor) -> DialplanDetail:
        return await usecases.dialplans.put(actor, name, source, user=user or actor.name)

    say(f"dialplan {name} is at version {with_usecases(data, work).version} now")


@app.command()
def show(file: File, data: Data = None) -> None:
    """Print the script that rules become, without saving it.

    Nothing is looked up in the data folder.

    \b
    Example:
      sipwright dialplan rules show rules.toml > main.py
    """
    print_script(_compile(file))


def _compile(file: Path) -> str:
    from sipwright.services.dialplan.checking.check import check_script

    source = compile_file(file)
    problems = check_script(source)
    if problems:
        raise CommandError(f"{file}: the script that it becomes is wrong: {problems[0]}")
    return source
