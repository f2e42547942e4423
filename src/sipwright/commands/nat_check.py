"""``sipwright nat-check``: what the NAT in front of this machine does, and what that means for calls."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import CommandError, Data, Json, print_json, say, settings_of

if TYPE_CHECKING:
    from sipwright.stun import NatBehaviour, Probe
    from sipwright.stun.nat_check import Reply

__all__ = ["advice", "nat_check"]

_PORTS = (3478, 5060)
"""Where a server is asked whose port is not said: that of STUN, and that of SIP, where every Sipwright answers."""

_WAITS = (0.5, 1.0, 1.5)
"""Seconds after each copy of a question, before the next one or the end (RFC 8489 §6.2.1, cut short)."""

_SAYS = {
    "endpoint-independent": "everybody sees the same address",
    "address-dependent": "each address outside sees another one",
    "address-and-port-dependent": "each port outside sees another one",
}
_LETS_IN = {
    "endpoint-independent": "anybody gets in",
    "address-dependent": "only addresses that were written to get in",
    "address-and-port-dependent": "only ports that were written to get in",
}


def nat_check(
    server: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVER",
            help="A STUN server: HOST or HOST:PORT. Every Sipwright is one, at its SIP port. "
            "[default: the first domain that is served here]",
        ),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Find out what the NAT in front of this machine does.

    It says in plain words what that means for calls.
    Run it where the phones are, and ask a server outside. One with two addresses ('[stun] listen') can tell all of it;
    any other one tells whether there is a NAT, and whether it keeps ports. It takes up to 15 seconds.

    \b
    Examples:
      sipwright nat-check sip.example.org
      sipwright nat-check 192.0.2.1:3478 --json | jq .mapping
    """
    host, port = _server(server, data)
    address, found = asyncio.run(_check(host, port, is_quiet=as_json))
    if not found.is_reached:
        raise CommandError(
            f"no STUN server answers at {host}{f':{port}' if port else ', at port 3478 or 5060'}; is it the right one, "
            "and does the firewall let UDP out?"
        )
    if as_json:
        print_json(_as_json(address, found))
        return
    lines = [
        ("address", f"{_shown(found.local)} here, {_shown(found.mapped)} outside"),
        ("nat", "yes" if found.is_behind_nat else "no"),
        ("mapping", _described(found.mapping, _SAYS)),
        ("filtering", _described(found.filtering, _LETS_IN)),
        ("ports", "kept" if found.preserves_port else "changed"),
    ]
    if found.hairpins is not None:
        lines.append(("hairpin", "yes" if found.hairpins else "no"))
    say(*(f"{name:10} {text}" for name, text in lines), "", *advice(found))


def advice(found: NatBehaviour) -> list[str]:
    """Return in plain words what was found out means for calls."""
    if not found.is_behind_nat and found.filtering in (None, "endpoint-independent"):
        return ["No NAT: phones here are reached directly, and audio flows."]
    if not found.is_behind_nat:
        return [
            "No NAT, but a firewall: audio flows as soon as the phone here sends some, as all phones do at once."
        ]
    said = []
    if found.mapping is None:
        said.append("There is a NAT. What it does to audio only a server with two addresses can tell.")
    elif found.mapping == "endpoint-independent":
        said.append(
            "Audio flows: the other end hears and is heard at the address that the NAT gives the phone."
        )
    else:
        said.append(
            "This NAT gives a phone another address for each peer. Audio flows only to a peer that is not behind such "
            "a NAT itself and answers where it is heard from (symmetric RTP, RFC 4961), as providers do; between two "
            "phones behind such NATs there is silence."
        )
        if found.preserves_port:
            said.append(
                "It kept the port this time: while no other device uses the same one, audio may flow anyway."
            )
    if found.hairpins is False:
        said.append(
            "Two phones behind this router do not reach each other at its outer address; the switch gives them their "
            "inner ones, as long as both register from here."
        )
    said.append("Phones should register at least every two minutes, or the way back to them is closed.")
    return said


def _described(kind: str | None, words: dict[str, str]) -> str:
    return "cannot be told by a server with one address" if kind is None else f"{kind}: {words[kind]}"


def _shown(address: tuple[str, int] | None) -> str:
    from sipwright.transport import format_address

    return "?" if address is None else format_address(address)


def _as_json(server: tuple[str, int], found: NatBehaviour) -> dict[str, Any]:
    return {
        "server": _shown(server),
        "local": _shown(found.local),
        "mapped": _shown(found.mapped),
        "nat": found.is_behind_nat,
        "mapping": found.mapping,
        "filtering": found.filtering,
        "preserves_port": found.preserves_port,
        "hairpins": found.hairpins,
        "advice": advice(found),
    }


def _server(given: str | None, data: Data) -> tuple[str, int | None]:
    if given is None:
        domains = settings_of(data).sip.domains
        if not domains:
            raise CommandError("no domain is served here; say whom to ask: sipwright nat-check HOST")
        return domains[0], None
    bare = given.removeprefix("stun:")
    host, colon, port = bare.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        return bare.strip("[]"), None
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise CommandError(
            f"{given!r} is not a server; write HOST or HOST:PORT, such as sip.example.org:3478"
        )
    return host.strip("[]"), int(port)


async def _check(host: str, port: int | None, *, is_quiet: bool) -> tuple[tuple[str, int], NatBehaviour]:
    """Ask a server at its port, or at those where one may be."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port or _PORTS[0], type=socket.SOCK_DGRAM)
    except OSError as error:
        raise CommandError(f"{host} is not found: {error.strerror or error}") from None
    family, address = found[0][0], found[0][4][0]
    for each in (port,) if port else _PORTS:
        server = (str(address), each)
        if not is_quiet:
            say(f"asking {_shown(server)} ...", is_error=True)
        behaviour = await _ask_all(family, server)
        if behaviour.is_reached:
            break
    return server, behaviour


async def _ask_all(family: socket.AddressFamily, server: tuple[str, int]) -> NatBehaviour:
    from sipwright.stun import check_nat

    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(3)]
        try:
            here = _source(family, server)
            for each in sockets:
                each.setblocking(False)
                each.bind((here, 0))
        except OSError as error:
            raise CommandError(f"{_shown(server)} cannot be asked: {error.strerror or error}") from None
        questions = check_nat(server, sockets[0].getsockname()[:2])
        reply = None
        try:
            while True:
                reply = await _ask(sockets, questions.send(reply))
        except StopIteration as done:
            behaviour: NatBehaviour = done.value
            return behaviour


def _source(family: socket.AddressFamily, server: tuple[str, int]) -> str:
    """Return the address here that leads there; nothing is sent to learn it."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])


async def _ask(sockets: list[socket.socket], probe: Probe) -> Reply | None:
    """Send one question, again and again while nothing comes."""
    from sipwright.stun import read_reply, write_probe

    loop = asyncio.get_running_loop()
    transaction = os.urandom(12)
    question = write_probe(probe, transaction)
    for patience in _WAITS:
        try:
            await loop.sock_sendto(sockets[probe.socket], question, probe.to)
            async with asyncio.timeout(patience):
                while True:
                    data, source = await loop.sock_recvfrom(sockets[probe.heard_at], 2_048)
                    reply = read_reply(data, transaction, source[:2])
                    if reply is not None:
                        return reply
        except TimeoutError:
            continue
        except OSError:
            await asyncio.sleep(
                patience
            )  # refused, which ends no waiting: others may answer where one does not
    return None
