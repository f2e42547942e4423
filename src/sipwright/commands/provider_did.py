"""``sipwright provider did``: the numbers that a trunk brings, and who takes their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, Owner, group, print_json, print_table, say

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.providers import ProviderView

__all__ = ["app", "described_numbers"]

app = group("did", "The numbers that a trunk brings, and who takes their calls.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider.")]
Number = Annotated[
    str,
    typer.Argument(
        metavar="NUMBER",
        help="A number, or a pattern: x is any digit, * at the end the rest, as in +3531555010x and +3531555*.",
    ),
]


@app.command()
def add(
    name: Name,
    number: Number,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="The account that takes its calls.")
    ] = None,
    in_plan: Annotated[
        str | None, typer.Option("--in", metavar="PLAN", help="The dialplan that decides about its calls.")
    ] = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Say who takes the calls to a number.

    The pattern with the most digits of its own decides. +353..., 00353... and 353... are the same number. A number that
    nothing was said of goes where all other calls of the provider go ('sipwright provider show'), and where that is
    nowhere it is refused.

    \b
    Examples:
      sipwright provider did add carrier +35315550100 --account alice
      sipwright provider did add carrier +3531555010x --in reception
    """

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.add_number(
            actor, name, number, account=account, in_plan=in_plan, user=user or actor.name
        )

    changed = with_usecases(data, work)
    say(f"calls to {number} by {changed.provider} go to {_whom(account, in_plan)}")


def _whom(account: str | None, in_plan: str | None) -> str:
    return f"account {account}" if in_plan is None else f"dialplan {in_plan}"


@app.command()
def remove(name: Name, number: Number, user: Owner = None, data: Data = None) -> None:
    """Forget who takes the calls to a number.

    \b
    Example:
      sipwright provider did remove carrier +3531555010x
    """

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.remove_number(actor, name, number, user=user or actor.name)

    say(f"changed {with_usecases(data, work).provider}")


@app.command(name="list")
def list_(name: Name, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """List the numbers of a provider, and who takes their calls.

    \b
    Example:
      sipwright provider did list carrier
    """

    async def work(usecases: UseCases, actor: Actor) -> list[dict[str, Any]]:
        return described_numbers(await usecases.providers.get(actor, name, user=user or actor.name))

    rows = with_usecases(data, work)
    if as_json:
        print_json(rows)
        return
    cells = ((row["number"], row["calls_in"]) for row in rows)
    print_table(
        ("number", "calls in"), cells, f"no numbers yet; 'sipwright provider did add {name}' adds one"
    )


def described_numbers(view: ProviderView) -> list[dict[str, Any]]:
    """Return the numbers of a provider for other programs."""
    return [
        {"number": one.number, "calls_in": one.calls_in, "account": one.account, "in": one.in_plan}
        for one in view.numbers
    ]
