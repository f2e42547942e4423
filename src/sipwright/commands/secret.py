"""``sipwright secret``: what scripts may know and nobody else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, Owner, clock, group, print_json, print_table, say
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.secrets import SecretView

__all__ = ["app"]

app = group("secret", "What scripts may know and nobody else.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _, such as API_KEY.")]


@app.command(name="set")
def set_(name: Name, user: Owner = None, data: Data = None) -> None:
    """Keep a secret, in the place of the one of that name.

    It is asked for, or read from standard input, and never an argument: others on this machine see those. It is
    encrypted with the key of this data folder, and no command shows it again; scripts that run from now on get it.

    \b
    Examples:
      sipwright secret set API_KEY
      pass show crm | sipwright secret set CRM_TOKEN --user carol
    """
    value = _read(name)

    async def work(usecases: UseCases, actor: Actor) -> SecretView:
        return await usecases.secrets.put(actor, name, value, user=user)

    kept = with_usecases(data, work)
    say(f"secret {kept.name} of {kept.user} is set; scripts read it with secret({kept.name!r})")


@app.command(name="list")
def list_(user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """List the names of the secrets of a user.

    \b
    Example:
      sipwright secret list --user carol
    """

    async def work(usecases: UseCases, actor: Actor) -> list[SecretView]:
        pages = everything(lambda cursor: usecases.secrets.list(actor, user=user, limit=MOST, cursor=cursor))
        return [one async for one in pages]

    found = with_usecases(data, work)
    if as_json:
        print_json([{"name": one.name, "user": one.user, "updated_at": one.updated_at} for one in found])
        return
    rows = ((one.name, one.user, clock(one.updated_at)) for one in found)
    print_table(("secret", "user", "since"), rows, "no secrets yet; 'sipwright secret set NAME' keeps one")


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Forget a secret; scripts that ask for it fail from now on.

    \b
    Example:
      sipwright secret remove API_KEY
    """

    async def work(usecases: UseCases, actor: Actor) -> SecretView:
        return await usecases.secrets.remove(actor, name, user=user)

    say(f"removed secret {with_usecases(data, work).name}")


def _read(name: str) -> str:
    """Ask for a secret on the terminal, or read it from standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Secret {name}", hide_input=True, confirmation_prompt=True))
    return sys.stdin.read().rstrip("\r\n")
