"""``sipwright account``: the SIP identities that phones register as; ``account_lamps.py`` has what their lamps show."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands import account_lamps
from sipwright.commands.account_csv import read_accounts
from sipwright.commands.account_lamps import DomainOption, Name, whole
from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    Data,
    Json,
    Owner,
    OwnerFilter,
    Progress,
    ask_password,
    group,
    print_json,
    print_table,
    say,
    words,
)
from sipwright.printable import printable
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.accounts import AccountDetail, AccountView

__all__ = ["app"]

app = group("account", "SIP accounts: what phones register as.")

Password = Annotated[
    str | None,
    typer.Option(
        "--password", metavar="P", help="SIP password. [default: asked for, or read from standard input]"
    ),
]
OutPlan = Annotated[
    str | None, typer.Option("--out", metavar="PLAN", help="Dialplan for the calls that it makes.")
]
InPlan = Annotated[
    str | None, typer.Option("--in", metavar="PLAN", help="Dialplan for the calls that it gets.")
]
Algorithm = Annotated[
    str | None,
    typer.Option(
        "--algorithm",
        metavar="A",
        help="Digest algorithm to challenge with: MD5, SHA-256, SHA-512-256. [default: the domain's, MD5]",
    ),
]
Calls = Annotated[
    int | None,
    typer.Option(
        "--calls",
        metavar="N",
        min=0,
        help="Calls that it may have at once in each direction; 0 for [sip] calls_per_account. [default: 0]",
    ),
]


@app.command()
def add(
    name: Name,
    password: Password = None,
    user: Owner = None,
    domain: DomainOption = None,
    out_plan: OutPlan = None,
    in_plan: InPlan = None,
    algorithm: Algorithm = None,
    data: Data = None,
) -> None:
    """Add an account.

    Without an out dialplan, it may call accounts here and nothing else; without an in dialplan, its phones
    ring. Only hashes of the password are stored.

    \b
    Examples:
      sipwright account add alice --password Cq7-frosty
      sipwright account add bob --domain sip.example.org --out main --in reception
    """
    secret = ask_password(password, f"SIP password of {name}")

    async def work(usecases: UseCases, actor: Actor) -> AccountView:
        spec = AccountSpec(name, secret, user, out_plan, in_plan, algorithm=algorithm)
        return await usecases.accounts.create(actor, spec, domain)

    say(f"added {with_usecases(data, work).account}")


@app.command(name="set")
def set_(
    name: Name,
    password: Annotated[str | None, typer.Option("--password", metavar="P", help="New SIP password.")] = None,
    domain: DomainOption = None,
    out_plan: OutPlan = None,
    in_plan: InPlan = None,
    algorithm: Algorithm = None,
    calls: Calls = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may register and call.")
    ] = None,
    quiet: Annotated[
        bool | None,
        typer.Option("--do-not-disturb/--disturb", help="Whether calls to it leave its phones alone."),
    ] = None,
    keep_alive: Annotated[
        str | None,
        typer.Option(
            "--keep-alive",
            metavar="HOW",
            help="What its phones behind NATs are sent: off, empty, options. [default: [sip] keep_alive]",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Change what is given of an account.

    An empty text takes a dialplan, or --keep-alive, away. A call that would be one too many hears 503. With
    --do-not-disturb no call rings its phones, and the caller hears 480; its in dialplan runs all the same, and
    may send the call elsewhere.

    \b
    Examples:
      sipwright account set alice --out main
      sipwright account set alice --in "" --disable
      sipwright account set reception --calls 30
      sipwright account set alice --do-not-disturb
    """

    async def work(usecases: UseCases, actor: Actor) -> AccountView:
        change = AccountChange(
            password, out_plan, in_plan, algorithm, enabled, calls, quiet, keep_alive=keep_alive
        )
        return await usecases.accounts.change(actor, whole(name, domain), change)

    say(f"changed {with_usecases(data, work).account}")


@app.command(name="list")
def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List accounts.

    \b
    Example:
      sipwright account list --user carol
    """

    async def work(usecases: UseCases, actor: Actor) -> list[dict[str, Any]]:
        pages = everything(lambda cursor: usecases.accounts.list(actor, user=user, limit=MOST, cursor=cursor))
        return [_described(one) for one in sorted([one async for one in pages], key=lambda one: one.id)]

    rows = with_usecases(data, work)
    if as_json:
        print_json(rows)
        return
    heads = ("account", "user", "out", "in", "algorithm", "enabled")
    cells = (
        (
            row["account"],
            row["user"],
            row["out"],
            row["in"],
            row["algorithm"],
            ("yes" if row["enabled"] else "no")
            + (", do not disturb" if "do_not_disturb" in row else "")
            + (f": {row['fault']}" if "fault" in row else ""),
        )
        for row in rows
    )
    print_table(heads, cells, "no accounts yet; 'sipwright account add NAME' adds one")


@app.command()
def show(name: Name, domain: DomainOption = None, as_json: Json = False, data: Data = None) -> None:
    """Show an account, its phones, and what to type into them.

    \b
    Example:
      sipwright account show alice@sip.example.org --json
    """

    async def work(usecases: UseCases, actor: Actor) -> AccountDetail:
        return await usecases.accounts.get(actor, whole(name, domain))

    from sipwright.commands.bindings import shown

    found = with_usecases(data, work)
    row, bindings = _described(found.account), shown(found.bindings)
    if as_json:
        ways = [asdict(way) for way in found.phone]
        print_json({**row, "phone_settings": ways, "bindings": bindings})
        return
    for head, value in row.items():
        say(f"{head.replace('_', ' '):<10} {printable(str(words(value)))}")
    for way in found.phone:
        server = f"server {way.place} ({way.transport.upper()})"
        say(f"{'phone':<10} {server}, user name {way.username}, domain {way.domain}")
    for binding in bindings:
        left = max(0, round(binding["expires_at"] - time.time()))
        say(f"{'binding':<10} {printable(binding['contact'])}  via {binding['source']}, {left} s left")
    if not bindings:
        say(f"{'binding':<10} none: no phone is registered")


@app.command()
def remove(
    name: Name,
    domain: DomainOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if it takes the calls of a provider: nobody does then.")
    ] = False,
    data: Data = None,
) -> None:
    """Remove an account and its bindings.

    One that takes the calls of a provider stays, so that no number goes elsewhere, or nowhere, by mistake.

    \b
    Example:
      sipwright account remove alice
    """

    async def work(usecases: UseCases, actor: Actor) -> tuple[AccountView, list[str]]:
        removed = await usecases.accounts.remove(actor, whole(name, domain), force=force)
        providers = await usecases.ground.administration.list_providers()
        return removed, [one.name for one in providers if one.account_id == removed.id]

    removed, left = with_usecases(data, work)
    for provider in left:
        say(f"nobody takes the calls of provider {provider} now", is_error=True)
    say(f"removed {removed.account}")


@app.command()
def unlock(name: Name, domain: DomainOption = None, data: Data = None) -> None:
    """Look at its passwords again after many wrong ones.

    After five wrong ones in a minute no more are looked at for a while where the account is not known, and a phone that
    goes on with an old one is banned. A new password ends both as well.

    \b
    Example:
      sipwright account unlock 101
    """
    account, networks = with_usecases(
        data, lambda usecases, actor: usecases.accounts.unlock(actor, whole(name, domain))
    )
    say(f"unlocked {account}")
    if networks:
        say(f"banned no more: {', '.join(networks)}")


app.command()(account_lamps.messages)
app.command()(account_lamps.watch)
app.command()(account_lamps.members)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file, or - for standard input.")],
    user: Owner = None,
    domain: DomainOption = None,
    data: Data = None,
) -> None:
    """Add or change many accounts from a file.

    Each line is name,password[,user,out,in].
    The whole file is checked first, and nothing is imported when a line is wrong. Accounts that exist get
    the password and the dialplans of their line. A first line that begins with "name,password" is a heading.

    \b
    Example:
      sipwright account import phones.csv

    \b
    phones.csv:
      name,password,user,out,in
      1001,Cq7-frosty,,main,
      1002@sip.example.org,p4-lantern,carol,main,reception
    """
    specs = read_accounts(file)

    async def work(usecases: UseCases, actor: Actor) -> str:
        started_at = time.monotonic()
        result = await usecases.accounts.import_many(
            actor, specs, user=user, domain=domain, progress=Progress("imported")
        )
        seconds = time.monotonic() - started_at
        return f"{result.added} added, {result.changed} changed in {seconds:.1f} s"

    say(with_usecases(data, work))


def _described(account: AccountView) -> dict[str, Any]:
    return {
        "account": account.account,
        "user": account.user,
        "out": account.out_plan,
        "in": account.in_plan,
        "algorithm": account.algorithm,
        "enabled": account.enabled,
        "calls": account.most_calls,
        **({"do_not_disturb": True} if account.do_not_disturb else {}),
        **({} if account.keep_alive is None else {"keep_alive": account.keep_alive}),
        **({} if account.fault is None else {"fault": account.fault}),
    }
