"""``sipwright dialplan rules``: dialplans for people who do not program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import CommandError, Data, Owner, group, print_script, say, with_store
from sipwright.commands.script_files import read_text

if TYPE_CHECKING:
    from sipwright.store import Administration

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

    async def work(store: Administration) -> int:
        return await store.set_dialplan(user, name, source)

    say(f"dialplan {name} is at version {with_store(data, work)} now")


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
    from sipwright.services.dialplan.language.rules import RulesError, compile_rules, read_rules

    try:
        source = compile_rules(read_rules(read_text(file, "rules")))
    except RulesError as error:
        raise CommandError(f"{file}: {error}") from None
    problems = check_script(source)
    if problems:
        raise CommandError(f"{file}: the script that it becomes is wrong: {problems[0]}")
    return source
