"""``sipwright provider``: third-party SIP services that a user has credentials for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from sipwright.commands.common import (
    Data,
    Json,
    Owner,
    OwnerFilter,
    ask_password,
    clock,
    group,
    print_json,
    print_table,
    with_store,
)
from sipwright.store.admin.specs import ProviderChange, ProviderSpec

if TYPE_CHECKING:
    from sipwright.store import Administration, Provider

__all__ = ["app"]

_HALF_A_DAY = 12 * 3600.0

app = group("provider", "SIP services and trunks to call out through.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that dial strings use, as in 123@NAME.")]


Username = Annotated[str, typer.Option("--username", metavar="U", help="Our user name there.")]
Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        metavar="P",
        help="Our password there. [default: asked for, or read from standard input]",
    ),
]
AuthUsername = Annotated[
    str | None,
    typer.Option(
        "--auth-username", metavar="U", help="User name for authentication. [default: that of --username]"
    ),
]
Realm = Annotated[
    str | None,
    typer.Option("--realm", metavar="R", help="Answer challenges of this realm only. [default: any]"),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="URI", help="From of the calls we send, such as sip:35315551234@example.net."
    ),
]
Proxy = Annotated[
    str | None, typer.Option("--proxy", metavar="HOST[:PORT]", help="Send everything there first.")
]

AnswerWithin = Annotated[
    float | None,
    typer.Option(
        "--answer-within",
        metavar="SECONDS",
        min=0,
        max=32,
        help="Try the next one when it says nothing for so long; 0 waits 32 s. [default: [sip] answer_within]",
    ),
]

LongestCall = Annotated[
    float | None,
    typer.Option(
        "--longest-call",
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="End each answered call by it after so long; 0 leaves that to the other limits. [default: 0]",
    ),
]


@app.command()
def add(
    name: Name,
    server: Annotated[str, typer.Option("--server", metavar="HOST[:PORT]", help="Where calls are sent.")],
    username: Username,
    password: Password = None,
    auth_username: AuthUsername = None,
    register: Annotated[bool, typer.Option("--register", help="Register there, to get calls.")] = False,
    realm: Realm = None,
    from_template: From = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Add a provider.

    \b
    Example:
      sipwright provider add blueface --server sip.blueface.example --username 35315551234 --register
    """
    spec = ProviderSpec(
        name,
        server,
        username,
        ask_password(password, f"password at {server}"),
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=from_template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
    )

    async def work(store: Administration) -> Provider:
        return await store.add_provider(spec, user)

    typer.echo(f"added {with_store(data, work).name}")


@app.command(name="set")
def set_(
    name: Name,
    server: Annotated[
        str | None, typer.Option("--server", metavar="HOST[:PORT]", help="Where calls are sent.")
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", metavar="U", help="Our user name there.")
    ] = None,
    password: Annotated[
        str | None, typer.Option("--password", metavar="P", help="Our password there.")
    ] = None,
    auth_username: AuthUsername = None,
    register: Annotated[
        bool | None, typer.Option("--register/--no-register", help="Whether to register there, to get calls.")
    ] = None,
    realm: Realm = None,
    from_template: From = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used.")
    ] = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Change what is given of a provider.

    An empty text takes --auth-username, --realm, --from or --proxy away.

    \b
    Examples:
      sipwright provider set blueface --password NEW
      sipwright provider set blueface --proxy "" --no-register
    """
    change = ProviderChange(
        server=server,
        username=username,
        password=password,
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=from_template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
        is_enabled=enabled,
    )

    async def work(store: Administration) -> Provider:
        return await store.change_provider(name, change, user)

    typer.echo(f"changed {with_store(data, work).name}")


@app.command(name="list")
def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List providers, our registrations there, and since when a provider cannot be reached.

    A provider that says nothing to a call or a REGISTER is unreachable until it answers anything again; it is asked
    every few seconds. Passwords are never shown.

    \b
    Example:
      sipwright provider list --json
    """

    async def work(store: Administration) -> list[dict[str, Any]]:
        users = {found.id: found.name for found in await store.list_users()}
        states, outages = await store.list_registrations(), await store.list_unreachable_providers()
        return [
            _described(provider, users, states.get(provider.id), outages.get(provider.id))
            for provider in await store.list_providers(user)
        ]

    rows = with_store(data, work)
    if as_json:
        print_json(rows)
        return
    cells = (
        (row["provider"], row["user"], row["server"], row["username"], "yes" if row["register"] else "no",
         _state(row), clock(row["registered_until"]), _answer(row))
        for row in rows
    )  # fmt: skip
    heads = ("provider", "user", "server", "username", "register", "state", "until", "last answer")
    print_table(heads, cells, "no providers yet; 'sipwright provider add NAME' adds one")


@app.command()
def show(name: Name, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """Show a provider and our registration there.

    Its password is never shown.

    \b
    Example:
      sipwright provider show blueface
    """

    async def work(store: Administration) -> dict[str, Any]:
        users = {found.id: found.name for found in await store.list_users()}
        states, outages = await store.list_registrations(), await store.list_unreachable_providers()
        provider = await store.find_provider(name, user)
        return _described(provider, users, states.get(provider.id), outages.get(provider.id))

    row = with_store(data, work)
    if as_json:
        print_json(row)
        return
    for head, value in row.items():
        if head in ("registered_until", "unreachable_since"):
            value = clock(value)
        elif head == "state":
            value = _state(row)
        shown = {True: "yes", False: "no", None: "-"}.get(value, value)
        typer.echo(f"{head:<16} {shown}")


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Remove a provider.

    \b
    Example:
      sipwright provider remove blueface
    """

    async def work(store: Administration) -> Provider:
        return await store.remove_provider(name, user)

    typer.echo(f"removed {with_store(data, work).name}")


def _answer(row: dict[str, Any]) -> str:
    return " ".join(str(part) for part in (row["status"], row["reason"]) if part is not None)


def _state(row: dict[str, Any]) -> str | None:
    """Say for people how a provider stands."""
    since = row["unreachable_since"]
    if since is None:
        return cast("str | None", row["state"])
    is_today = time.time() - since < _HALF_A_DAY
    when = time.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M", time.localtime(since))
    return f"unreachable since {when} ({row['unreachable_reason']})"


def _described(
    provider: Provider,
    users: dict[int, str],
    registration: dict[str, Any] | None,
    outage: dict[str, Any] | None,
) -> dict[str, Any]:
    nothing = dict.fromkeys(("state", "registered_until", "status", "reason"))
    reached = dict.fromkeys(("unreachable_since", "unreachable_reason"))
    unreachable = None if outage is None else {**outage, "state": "unreachable"}
    return {
        "provider": provider.name,
        "user": users.get(provider.user_id),
        "server": provider.server,
        "username": provider.username,
        "auth_username": provider.auth_username,
        "register": provider.register,
        "realm": provider.realm,
        "from": provider.from_template,
        "proxy": provider.outbound_proxy,
        "answer_within": provider.answer_within,
        "longest_call": provider.longest_call,
        "enabled": provider.is_enabled,
        **(registration or nothing),
        **(unreachable or reached),
    }
