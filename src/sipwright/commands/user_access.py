"""``sipwright user key``, ``totp``, ``unlock``, ``invite`` and ``invites``: how people get in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, Data, Json, clock, group, print_json, print_table, say
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.invites import InviteRow, IssuedInvite
    from sipwright.usecases.keys import KeyView

__all__ = ["invite", "invites", "key", "totp", "unlock"]

key = group("key", "SSH public keys with which a user logs in at the console.")
totp = group("totp", "One-time codes that a user needs beside the password.")

User = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]

LONGEST_FILE = 20_000


@key.command(name="add")
def key_add(
    name: User,
    public_key: Annotated[
        str, typer.Argument(metavar="KEY", help="The file that ends in .pub, or the line that stands in it.")
    ],
    called: Annotated[
        str | None,
        typer.Option("--name", metavar="N", help="What the key is called. [default: its comment]"),
    ] = None,
    data: Data = None,
) -> None:
    """Let a user log in with an SSH key.

    \b
    Example:
      sipwright user key add carol ~/.ssh/id_ed25519.pub
    """
    text = public_key if public_key.strip().count(" ") else _read(Path(public_key))

    async def work(usecases: UseCases, actor: Actor) -> KeyView:
        return await usecases.keys.create(actor, text, called, user=name)

    made = with_usecases(data, work)
    say(f"added key {made.name} of {name}: {made.fingerprint}")


@key.command(name="list")
def key_list(name: User, as_json: Json = False, data: Data = None) -> None:
    """List the SSH keys of a user.

    \b
    Example:
      sipwright user key list carol
    """

    async def work(usecases: UseCases, actor: Actor) -> tuple[KeyView, ...]:
        return (await usecases.keys.list(actor, user=name, limit=MOST)).items

    keys = with_usecases(data, work)
    if as_json:
        print_json([asdict(one) for one in keys], whole=("public_key",))
        return
    rows = ((one.name, one.kind, one.fingerprint, clock(one.created_at), clock(one.used_at)) for one in keys)
    empty = f"no keys yet; add one with 'sipwright user key add {name} FILE.pub'"
    print_table(("key", "kind", "fingerprint", "since", "last used"), rows, empty)


@key.command(name="remove")
def key_remove(
    name: User,
    called: Annotated[str, typer.Argument(metavar="KEY", help="The key, by its name or fingerprint.")],
    data: Data = None,
) -> None:
    """Remove an SSH key of a user.

    \b
    Example:
      sipwright user key remove carol carol@laptop
    """

    async def work(usecases: UseCases, actor: Actor) -> KeyView:
        return await usecases.keys.remove(actor, called, user=name)

    say(f"removed key {with_usecases(data, work).name} of {name}")


@totp.command()
def off(name: User, data: Data = None) -> None:
    """Ask a user for no one-time codes any more.

    For who has lost the phone that shows them, and the recovery codes.

    \b
    Example:
      sipwright user totp off carol
    """

    async def work(usecases: UseCases, actor: Actor) -> bool:
        return await usecases.users.totp_off(actor, name)

    was_on = with_usecases(data, work)
    say(f"{name} needs no code any more" if was_on else f"{name} needs no code as it is")


def unlock(name: User, data: Data = None) -> None:
    """Forget the failed log-ins of a user.

    The user may try again at once.

    \b
    Example:
      sipwright user unlock carol
    """

    async def work(usecases: UseCases, actor: Actor) -> None:
        await usecases.users.unlock(actor, name)

    with_usecases(data, work)
    say(f"{name} may log in again")


def invite(
    uses: Annotated[
        int, typer.Option("--uses", metavar="N", help="How many people may sign up with it.")
    ] = 1,
    days: Annotated[float, typer.Option("--days", metavar="N", help="For how long it is good.")] = 7.0,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="For whom it is.")] = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Make a code with which somebody signs up.

    It is printed once; [web] signup in sipwright.toml says whether people may sign up.

    \b
    Example:
      sipwright user invite --uses 5 --note "the office"
    """

    async def work(usecases: UseCases, actor: Actor) -> tuple[IssuedInvite, str]:
        return await usecases.invites.create(actor, uses=uses, days=days, text=note), usecases.signup.mode

    made, mode = with_usecases(data, work)
    if as_json:
        print_json(asdict(made))
        return
    say(f"{made.code}   (invite {made.id}: shown only now, good until {clock(made.expires_at)})")
    if mode == "closed":
        say('nobody can sign up yet: set [web] signup = "invite" in sipwright.toml', is_error=True)


def invites(
    take_back: Annotated[
        int | None,
        typer.Option("--take-back", metavar="N", help="Let nobody sign up with that one any more."),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the invites that are still good, or take one back.

    \b
    Examples:
      sipwright user invites
      sipwright user invites --take-back 3
    """
    if take_back is not None:
        number = take_back
        with_usecases(data, lambda usecases, actor: usecases.invites.remove(actor, number))
        say(f"nobody can sign up with invite {number} any more")
        return

    async def work(usecases: UseCases, actor: Actor) -> list[InviteRow]:
        return [one async for one in everything(lambda cursor: usecases.invites.list(actor, cursor=cursor))]

    found = with_usecases(data, work)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = ((one.id, one.note, one.made_by, one.uses_left, clock(one.expires_at)) for one in found)
    print_table(
        ("invite", "note", "by", "uses left", "until"), rows, "no invites; 'sipwright user invite' makes one"
    )


def _read(path: Path) -> str:
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            return file.read(LONGEST_FILE)
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no public key; name the file that ends in .pub") from None
