"""``sipwright account messages``, ``watch`` and ``members``: what the lamps of phones show, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, print_json, say

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases

__all__ = ["DomainOption", "Name", "members", "messages", "watch", "whole"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account: NAME, or NAME@DOMAIN.")]
DomainOption = Annotated[
    str | None, typer.Option("--domain", metavar="D", help="Its SIP domain. [default: the default domain]")
]


def messages(
    name: Name,
    new: Annotated[
        int, typer.Option("--new", metavar="N", min=0, max=99_999, help="New voice messages.")
    ] = 0,
    old: Annotated[int, typer.Option("--old", metavar="N", min=0, max=99_999, help="Old ones.")] = 0,
    urgent: Annotated[
        int,
        typer.Option("--urgent", metavar="N", min=0, max=99_999, help="How many of the new ones are urgent."),
    ] = 0,
    domain: DomainOption = None,
    data: Data = None,
) -> None:
    """Let the phones of an account show how many voice messages wait.

    A script says so with message_waiting(), and a provider with a NOTIFY.

    \b
    Examples:
      sipwright account messages alice --new 3 --old 1
      sipwright account messages alice
    """

    async def work(usecases: UseCases, actor: Actor) -> str:
        return await usecases.accounts.set_messages(actor, whole(name, domain), new, old, urgent=urgent)

    say(f"{with_usecases(data, work)} has {new} new messages")


def watch(
    name: Name,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="WHO", help="An account, 'owner' for all of the same owner, or 'anyone' here."
        ),
    ] = None,
    forbid: Annotated[
        list[str] | None, typer.Option("--forbid", metavar="WHO", help="Whoever is to see nothing any more.")
    ] = None,
    parties: Annotated[
        bool, typer.Option("--parties", help="They also see with whom it talks, and may pick up its calls.")
    ] = False,
    domain: DomainOption = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show, or change, who may watch an account.

    Busy-lamp keys of phones do so. Whoever may see the lamp sees that the account rings or talks, and no more. As long
    as nothing was set, the accounts of the same owner see everything.

    \b
    Examples:
      sipwright account watch alice
      sipwright account watch alice --allow reception@sip.example.org --parties
      sipwright account watch alice --allow anyone --forbid owner
    """

    async def work(usecases: UseCases, actor: Actor) -> dict[str, str]:
        return await usecases.accounts.watch(
            actor, whole(name, domain), allow=allow or (), forbid=forbid or (), has_parties=parties
        )

    rights = with_usecases(data, work)
    if as_json:
        print_json([{"who": who, "sees": what} for who, what in rights.items()])
    elif rights:
        for who, what in rights.items():
            say(f"{who}: {what}")
    else:
        say("nobody else may watch it")


def members(
    name: Name,
    members: Annotated[
        list[str] | None, typer.Argument(metavar="MEMBER...", help="Accounts, in the order of the keys.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Make it no list any more.")] = False,
    domain: DomainOption = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show, or set, the accounts that an account is a list of.

    Phones watch all of them with one subscription to its address (BLF list, eventlist). Each shows as much as its own
    owner lets the phone see.

    \b
    Examples:
      sipwright account members office 101 102 103
      sipwright account members office
      sipwright account members office --none
    """

    async def work(usecases: UseCases, actor: Actor) -> Sequence[str]:
        if not members and not none:
            return (await usecases.accounts.get(actor, whole(name, domain))).account.members
        return await usecases.accounts.set_members(actor, whole(name, domain), members or ())

    found = with_usecases(data, work)
    if as_json:
        print_json([{"account": each} for each in found])
        return
    for each in found or ["it is no list"]:
        say(each)


def whole(name: str, domain: str | None) -> str:
    """Return the whole name of an account whose domain may be named beside it."""
    from sipwright.store.schema.names import split_name

    username, home = split_name(name, domain)
    return username if home is None else f"{username}@{home}"
