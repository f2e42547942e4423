"""``sipwright provider test`` and ``probe``: asking a provider now, and finding out what it can do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Owner,
    Progress,
    ask_password,
    data_dir,
    print_json,
    say,
    settings_of,
)
from sipwright.commands.control import require_switch

if TYPE_CHECKING:
    from sipwright.services.probing import Profile
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.providers import ProviderTest

__all__ = ["ProfileFile", "probe", "profile_in", "try_now"]

Line = tuple[str, str]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="FILE", help="What 'sipwright provider probe' has found out about it."),
]


def try_now(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name that dial strings use, as in 123@NAME.")
    ],
    method: Annotated[
        str | None,
        typer.Option(
            "--method", metavar="METHOD", help="REGISTER or OPTIONS. [default: REGISTER if we register there]"
        ),
    ] = None,
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Register with a provider now, or ask it OPTIONS, and print it.

    The REGISTER names no contact: it shows whether our credentials are taken, and changes nothing there. The running
    switch sends it, from where its calls come. The exit status is 0 when the provider is there and takes them.

    \b
    Examples:
      sipwright provider test blueface
      sipwright provider test carrier --method OPTIONS --json
    """
    require_switch(data)

    async def work(usecases: UseCases, actor: Actor) -> ProviderTest:
        return await usecases.providers.test(actor, name, method=method, user=user or actor.name)

    tested = with_usecases(data, work)
    if as_json:
        print_json({"provider": name.lower(), **asdict(tested)}, whole=("text", "label"))
    else:
        for message in tested.exchange:
            say("-->" if message.is_to_provider else "<--", *message.text.splitlines(), "")
    verdict = " ".join(str(part) for part in (tested.status, tested.reason) if part)
    said = f"{name} answers {tested.method} with {verdict} after {tested.seconds:.2f} s"
    if not tested.ok:
        raise CommandError(said if tested.status not in (408, 503) else f"{name} is not reached: {verdict}")
    if not as_json:
        say(said)


def probe(
    host: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The provider's domain or server.")],
    username: Annotated[
        str | None,
        typer.Option("--username", metavar="U", help="Our user name there, to see which expiry is granted."),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            metavar="P",
            help="Our password there. [default: asked for, or read from standard input]",
        ),
    ] = None,
    auth_username: Annotated[
        str | None,
        typer.Option(
            "--auth-username", metavar="U", help="User name for authentication. [default: that of --username]"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Where the profile goes. [default: HOST.profile.json]"),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Find out what a provider can do, and write a profile of it.

    It looks at the records in the DNS, the transports, the certificate, what a REGISTER is asked for, OPTIONS,
    pings and STUN. With --username it registers for a moment, and takes that back, to see for how long registrations
    are granted. 'provider add NAME --profile FILE' makes a provider of it, which is looked at again every week:
    'provider show' and the log say what has changed. It takes up to a minute.

    \b
    Examples:
      sipwright provider probe sip.example.net
      sipwright provider probe sip.example.net --username 4930123456 --output example.json
      sipwright provider add example --profile example.json --username 4930123456
    """
    secret = "" if username is None else ask_password(password, f"password at {host}")
    found = asyncio.run(_probed(host, username, secret, auth_username, data))
    target = output or Path(f"{host.replace(':', '_').replace('/', '_')}.profile.json")
    if found.is_reached or output is not None:
        target.write_bytes(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
    if as_json:
        print_json(found.as_json())
    else:
        say(*(f"{head:<14} {text}" for head, text in _lines(found)))
    if not found.is_reached:
        raise CommandError(f"nobody answers SIP at {host}, over UDP, TCP or TLS")
    if not as_json:
        say("", f"wrote {target}; 'sipwright provider add NAME --profile {target}' uses it")


def profile_in(path: Path) -> Profile:
    """Read the profile in a file."""
    from sipwright.services.probing import ProfileError, read_profile

    try:
        return read_profile(path.read_bytes())
    except ProfileError as error:
        raise CommandError(f"{path} is no profile of a provider: {error}") from None


async def _probed(
    host: str, username: str | None, password: str, auth_username: str | None, data: Path | None
) -> Profile:
    from sipwright.certificate import believed_certificates
    from sipwright.config import listen_address
    from sipwright.services.probing import Credentials, Probe
    from sipwright.sip import ParseError
    from sipwright.transport import Resolver
    from sipwright.transport.certificates import Certificates

    certificates, dns = Certificates(()), None
    preferred: tuple[str, ...] = ("udp", "tcp")
    if data_dir(data).is_dir():  # without a data folder one can look around, too
        settings = settings_of(data)
        certificates = believed_certificates(settings)
        dns = None if settings.sip.dns is None else listen_address(settings.sip.dns)
        preferred = ("udp", "tcp", "tls") if settings.sip.tls else preferred
    credentials = None if username is None else Credentials(username, password, auth_username)
    try:
        look = Probe(
            host, resolver=Resolver(server=dns), certificates=certificates, credentials=credentials, dns=dns,
            preferred=preferred, progress=Progress(f"probing {host}"),
        )  # fmt: skip
        return await look.run()
    except ParseError:
        raise CommandError(f"{host!r} is no host; write HOST or HOST:PORT, such as sip.example.net") from None


def _lines(found: Profile) -> list[Line]:
    """Say what was found out, a line for each thing."""
    dns, asked, expiry, habits = found.dns, found.authentication, found.expiry, found.options
    lines: list[Line] = [("naptr", text) for text in dns.naptr]
    lines += [("srv", text) for text in dns.srv]
    lines += [("address", text) for text in dns.addresses]
    if dns.fault:
        lines.append(("dns", dns.fault))
    for protocol, reached in found.transports.items():
        said = (
            f"no: {reached.fault}"
            if reached.status is None
            else f"yes: OPTIONS {reached.status} {reached.reason}"
        )
        lines.append((protocol, said + (f" ({reached.address})" if reached.address else "")))
    if found.tls is not None:
        lines.append(("certificate", found.tls.fault or f"right, {found.tls.version}"))
        lines += [
            ("", f"{one.subject}, by {one.issuer}, until {time.strftime('%Y-%m-%d', time.gmtime(one.until))}")
            for one in found.tls.chain
        ]
    if asked.status is not None:
        what = f": {', '.join(asked.algorithms)} in {', '.join(asked.realms)}" if asked.algorithms else ""
        lines.append(("register", f"{asked.status}{what}"))
    if expiry.longest is not None or expiry.shortest is not None:
        lines.append(("expiry", f"{expiry.shortest or '?'} to {expiry.longest or '?'} s"))
    elif expiry.fault:
        lines.append(("expiry", expiry.fault))
    if habits.software:
        lines.append(("software", habits.software))
    if habits.allow:
        lines.append(("allows", ", ".join(habits.allow)))
    if found.pings is not None:
        lines.append(("pings", "answered" if found.pings else "not answered over a connection"))
    lines.append(("stun", found.stun or "no"))
    if found.is_reached:
        verify = "" if found.tls_verify == "on" else f" --tls-verify {found.tls_verify}"
        lines.append(("best", f'--server "{found.server}"{verify}'))
    return lines
