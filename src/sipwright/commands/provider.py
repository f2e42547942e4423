"""``sipwright provider``: third-party SIP services that a user has credentials for, and trunks.

The numbers that a trunk brings are in ``provider_did.py``.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Owner,
    OwnerFilter,
    ask_password,
    clock,
    group,
    print_json,
    print_table,
    say,
    words,
)
from sipwright.commands.provider_did import app as did
from sipwright.commands.provider_did import described_numbers
from sipwright.commands.provider_probe import ProfileFile, probe, profile_in, try_now
from sipwright.commands.provider_rates import rates
from sipwright.printable import printable
from sipwright.services.callers import CALLER_HEADERS, IDENTITY, NUMBER_FORMATS
from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.providers import ProviderView

__all__ = ["app"]

_HALF_A_DAY = 12 * 3600.0

app = group("provider", "SIP services and trunks, for calls out and in.")
app.add_typer(did)
app.command("test")(try_now)
app.command()(probe)
app.command()(rates)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that dial strings use, as in 123@NAME.")]


Username = Annotated[
    str | None,
    typer.Option(
        "--username", metavar="U", help="Our user name there; a trunk that knows us by --from has none."
    ),
]
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
    list[str] | None,
    typer.Option(
        "--from",
        "--from-ip",
        metavar="NETWORK",
        help="Calls from there are its, too: 203.0.113.0/29, an address, or tls:NAME, which is who shows a certificate "
        "of that name. Repeatable.",
    ),
]
FromUri = Annotated[
    str | None,
    typer.Option(
        "--from-uri", metavar="URI", help="From of the calls we send, such as sip:35315551234@example.net."
    ),
]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="The account that takes its calls."),
]
InPlan = Annotated[
    str | None,
    typer.Option(
        "--in", metavar="PLAN", help="The dialplan that decides about its calls, in place of an account."
    ),
]
NumberIn = Annotated[
    str | None,
    typer.Option(
        "--number-in",
        metavar="WHERE",
        help="Where in a call it names the number: uri, to, pcpid (P-Called-Party-ID). [default: auto, a guess]",
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

Calls = Annotated[
    int | None,
    typer.Option(
        "--calls",
        metavar="N",
        min=0,
        help="Calls that may go by it at once, in and out together; 0 for any number. [default: 0]",
    ),
]

TlsVerify = Annotated[
    str | None,
    typer.Option(
        "--tls-verify",
        metavar="HOW",
        help="Look at its certificate as RFC 5922 says (on), let it name *.DOMAIN (wildcard), or not at all (off). "
        "[default: on]",
    ),
]


Certificate = Annotated[
    str | None,
    typer.Option(
        "--certificate",
        metavar="FILE",
        help="Show it this certificate over TLS (PEM). [default: that of [sip]]",
    ),
]
CertificateKey = Annotated[
    str | None,
    typer.Option("--key", metavar="FILE", help="The key of --certificate. [default: in that file]"),
]


CallerOut = Annotated[
    str | None,
    typer.Option(
        "--caller-out",
        metavar="HEADERS",
        help="What tells it the number that calls, one or more of: from, pai, ppi, rpid, diversion, history-info. "
        "[default: nothing but the From that it knows us by]",
    ),
]
CallerIn = Annotated[
    str | None,
    typer.Option("--caller-in", metavar="HEADER", help="Which of these tells us who calls. [default: from]"),
]
NumberFormat = Annotated[
    str | None,
    typer.Option(
        "--number-format",
        metavar="HOW",
        help="Write numbers of callers in E.164 with a plus (plus) or without (digits), both ways. [default: as-is]",
    ),
]
Identity = Annotated[
    str | None,
    typer.Option(
        "--identity",
        metavar="pass|drop",
        help="Pass its Identity (RFC 8224) on, and believe its verstat and attestation. [default: drop]",
    ),
]


@app.command()
def add(
    name: Name,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", metavar="HOST[:PORT]", help="Where calls are sent. [default: what --profile says]"
        ),
    ] = None,
    username: Username = None,
    password: Password = None,
    auth_username: AuthUsername = None,
    register: Annotated[bool, typer.Option("--register", help="Register there, to get calls.")] = False,
    profile: ProfileFile = None,
    account: Account = None,
    in_plan: InPlan = None,
    number_in: NumberIn = None,
    networks: From = None,
    realm: Realm = None,
    from_template: FromUri = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    calls: Calls = None,
    tls_verify: TlsVerify = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    caller_out: CallerOut = None,
    caller_in: CallerIn = None,
    number_format: NumberFormat = None,
    identity: Identity = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Add a provider.

    That is a service that we have a user name at, or a trunk that knows us by our address, and that we know by --from.
    With --profile its server, how its certificate is looked at, and whether it is registered with are those that
    'sipwright provider probe' has found; what is given beside it counts more.

    TLS is spoken where its --server or --proxy ends in ";transport=tls", with who shows a certificate of that name.

    Its calls go to --account, to --in, or by number to what 'sipwright provider did add' says. Where nothing of that
    is given, the calls of one that we register with go to the owner's account of the owner's name, or else to the
    first one; 'provider show' says which, and it stays that one. All other calls of a trunk go to accounts named
    like the number, or are refused.

    A call is the provider's when it comes from its --server, its --proxy, or from a network of --from. The number that
    was dialled is in req.user of the dialplan, the name of the provider in call.provider.

    \b
    Examples:
      sipwright provider add blueface --server sip.blueface.example --username 35315551234 --register --account alice
      sipwright provider add secure --server "sip.example.net;transport=tls" --username 4930123456 --register
      sipwright provider add example --profile sip.example.net.profile.json --username 4930123456
      sipwright provider add carrier --server 203.0.113.1 --from 203.0.113.0/29 --from 198.51.100.7 --in reception
    """
    places, template = _split(networks, from_template)
    found = None if profile is None else profile_in(profile)
    if found is not None:
        register = register or (found.register and username is not None)
        server, tls_verify = server or found.server, tls_verify or (None if server else found.tls_verify)
    if server is None:
        raise typer.TyperException("Missing option '--server', or --profile FILE")
    if username is None and not places:
        raise CommandError(
            "how does it know us? give --username, or --from NETWORK for a trunk that knows us by our address"
        )
    secret = "" if username is None and password is None else ask_password(password, f"password at {server}")
    spec = ProviderSpec(
        name,
        server,
        username or "",
        secret,
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
        most_calls=calls,
        account=account,
        in_plan=in_plan,
        number_in=number_in,
        networks=places or (),
        tls_verify=tls_verify,
        certificate=_absolute(certificate),
        certificate_key=_absolute(certificate_key),
        caller_out=caller_out,
        caller_in=caller_in,
        number_format=number_format,
        identity=identity,
    )

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.create(actor, spec, user=user, profile=found)

    say(f"added {with_usecases(data, work).provider}")


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
    account: Account = None,
    in_plan: InPlan = None,
    number_in: NumberIn = None,
    networks: From = None,
    realm: Realm = None,
    from_template: FromUri = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    calls: Calls = None,
    tls_verify: TlsVerify = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    caller_out: CallerOut = None,
    caller_in: CallerIn = None,
    number_format: NumberFormat = None,
    identity: Identity = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used.")
    ] = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Change what is given of a provider.

    An empty text takes --auth-username, --realm, --from-uri, --proxy, --certificate or --caller-out away. '--account -'
    or '--in -' takes back who takes its calls; '--from -' takes its networks away, and others take the place of all
    that were given.

    \b
    Examples:
      sipwright provider set blueface --password NEW
      sipwright provider set blueface --proxy "" --no-register
      sipwright provider set blueface --in reception --number-in to
    """
    places, template = _split(networks, from_template)
    change = ProviderChange(
        server=server,
        username=username,
        password=password,
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
        most_calls=calls,
        is_enabled=enabled,
        account=account,
        in_plan=in_plan,
        number_in=number_in,
        networks=places,
        tls_verify=tls_verify,
        certificate=_absolute(certificate),
        certificate_key=_absolute(certificate_key),
        caller_out=caller_out,
        caller_in=caller_in,
        number_format=number_format,
        identity=identity,
    )

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.change(actor, name, change, user=user or actor.name)

    say(f"changed {with_usecases(data, work).provider}")


@app.command(name="list")
def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List providers and our registrations there.

    A provider that says nothing to a call or a REGISTER is unreachable until it answers anything again; it is asked
    every few seconds. Passwords are never shown.

    \b
    Example:
      sipwright provider list --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[dict[str, Any]]:
        pages = everything(
            lambda cursor: usecases.providers.list(actor, user=user, limit=MOST, cursor=cursor)
        )
        return [_described(one) for one in sorted([one async for one in pages], key=lambda one: one.id)]

    rows = with_usecases(data, work)
    if as_json:
        print_json(rows)
        return
    cells = (
        (row["provider"], row["user"], row["server"], row["username"], "yes" if row["register"] else "no",
         row["calls_in"], _state(row), clock(row["registered_until"]), _answer(row))
        for row in rows
    )  # fmt: skip
    from sipwright.usecases.listed import PROVIDERS

    print_table(PROVIDERS.heads, cells, PROVIDERS.empty)


@app.command()
def show(name: Name, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """Show a provider and who takes its calls.

    Its password is never shown.

    \b
    Example:
      sipwright provider show blueface
    """

    async def work(usecases: UseCases, actor: Actor) -> dict[str, Any]:
        return _described(await usecases.providers.get(actor, name, user=user or actor.name))

    row = with_usecases(data, work)
    if as_json:
        print_json(row)
        return
    numbers = row.pop("numbers")
    for head, value in row.items():
        if head in ("registered_until", "unreachable_since", "probed_at"):
            value = clock(value)
        elif head == "state":
            value = _state(row)
        elif isinstance(value, tuple):
            value = ", ".join(value) or None
        shown = words(value)
        say(f"{head.replace('_', ' '):<16} {printable(str(shown))}")
    for number in numbers:
        say(f"{'number':<16} {printable(number['number'])} to {printable(number['calls_in'])}")


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Remove a provider.

    \b
    Example:
      sipwright provider remove blueface
    """

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.remove(actor, name, user=user or actor.name)

    say(f"removed {with_usecases(data, work).provider}")


_USUAL = {
    "certificate": None, "certificate_key": None, "caller_out": "", "caller_in": CALLER_HEADERS[0],
    "number_format": NUMBER_FORMATS[0], "identity": IDENTITY[0],
}  # fmt: skip
"""What is not shown, as nobody has said it."""

_NAMES = {"from_template": "from", "outbound_proxy": "proxy", "in_plan": "in"}


def _described(view: ProviderView) -> dict[str, Any]:
    row = {
        _NAMES.get(name, name): value for name, value in asdict(view).items() if name not in ("id", "etag")
    }
    most = row.pop("most_calls")
    if view.probed_at is None:
        del row["probed_at"], row["drift"]
    for name, usual in _USUAL.items():
        if row[name] == usual:
            del row[name]
    return {**row, "numbers": described_numbers(view)} | ({} if most is None else {"calls": most})


def _absolute(path: str | None) -> str | None:
    """Return the path of a file from the root on, as the switch runs elsewhere."""
    return str(Path(path).absolute()) if path else path


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


def _split(given: list[str] | None, template: str | None) -> tuple[tuple[str, ...] | None, str | None]:
    """Tell the networks of --from from the URI that it once took, and still does."""
    uris = [text for text in given or () if text == "" or text.lower().startswith(_URIS)]
    if len(uris) > 1 or (uris and template is not None):
        raise CommandError("there is one From of the calls we send; give --from-uri once")
    networks = tuple(text for text in given or () if text not in uris)
    if "-" in networks and len(networks) > 1:
        raise CommandError("'--from -' takes all networks away; give it alone")
    places = None if not networks else () if networks == ("-",) else networks
    return places, uris[0] if uris else template


_URIS = ("sip:", "sips:", "<")
