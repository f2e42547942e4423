"""How a client finds out what a NAT does: questions that follow from the answers (RFC 5780 §4; words of RFC 4787)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .message import Attribute, Kind, StunError, parse_stun, write_attribute, write_stun

__all__ = ["Dependence", "NatBehaviour", "Probe", "Reply", "check_nat", "read_reply", "write_probe"]

Address = tuple[str, int]

Dependence = Literal["endpoint-independent", "address-dependent", "address-and-port-dependent"]
"""On what a mapping, or a filter, depends (RFC 4787 §4.1, §5)."""

MAIN, FRESH, HAIRPIN = 0, 1, 2
"""The sockets of a check: one that asks, one that nobody but the server has heard of, and one that asks ourselves."""

_BOTH, _PORT_ALONE, _NEITHER = (True, True), (False, True), (False, False)
_SOFTWARE = write_attribute(Attribute.SOFTWARE, b"sipwright nat-check: asks with room for an answer")


class Probe(NamedTuple):
    """One question: by which socket, whom, whether to answer from elsewhere, and at which socket the answer comes."""

    socket: int
    to: Address
    change: tuple[bool, bool] = _NEITHER
    heard_at: int = MAIN


class Reply(NamedTuple):
    """An answer: the address that the server saw, and the other one that it has, if any."""

    mapped: Address
    other: Address | None


@dataclass(frozen=True, slots=True)
class NatBehaviour:
    """What was found out; None is what could not be told.

    `local` and `mapped` are the address of the socket here, and the one that the world sees.
    """

    local: Address
    mapped: Address | None = None
    mapping: Dependence | None = None
    filtering: Dependence | None = None
    hairpins: bool | None = None

    @property
    def is_reached(self) -> bool:
        """Whether the server answered at all."""
        return self.mapped is not None

    @property
    def is_behind_nat(self) -> bool:
        """Whether the world sees another address than the one here."""
        return self.mapped is not None and self.mapped != self.local

    @property
    def preserves_port(self) -> bool | None:
        """Whether the world sees the port that is used here."""
        return None if self.mapped is None else self.mapped[1] == self.local[1]


Questions = Generator[Probe, Reply | None, NatBehaviour]


def check_nat(server: Address, local: Address) -> Questions:
    """Ask what is to be asked; each answer, or None where there came none, is sent into the generator."""
    first = yield Probe(MAIN, server)
    if first is None:
        return NatBehaviour(local)
    mapping: Dependence | None = "endpoint-independent" if first.mapped == local else None
    filtering: Dependence | None = None
    if first.other is not None:
        filtering = yield from _filtering(server)
        if mapping is None:
            mapping = yield from _mapping(server, first.mapped, first.other)
    hairpins = None
    if first.mapped != local:
        hairpins = (yield Probe(HAIRPIN, first.mapped)) is not None
    return NatBehaviour(local, first.mapped, mapping, filtering, hairpins)


def _mapping(
    server: Address, seen: Address, other: Address
) -> Generator[Probe, Reply | None, Dependence | None]:
    """Find out whether others see the same address (RFC 5780 §4.3)."""
    second = yield Probe(MAIN, (other[0], server[1]))
    if second is None:
        return None
    if second.mapped == seen:
        return "endpoint-independent"
    third = yield Probe(MAIN, other)
    if third is None:
        return None
    return "address-dependent" if third.mapped == second.mapped else "address-and-port-dependent"


def _filtering(server: Address) -> Generator[Probe, Reply | None, Dependence | None]:
    """Find out who is let in by a socket that has asked one alone (RFC 5780 §4.4)."""
    if (yield Probe(FRESH, server, _NEITHER, FRESH)) is None:
        return None
    if (yield Probe(FRESH, server, _BOTH, FRESH)) is not None:
        return "endpoint-independent"
    if (yield Probe(FRESH, server, _PORT_ALONE, FRESH)) is not None:
        return "address-dependent"
    return "address-and-port-dependent"


def write_probe(probe: Probe, transaction: bytes) -> bytes:
    """Write a question; `transaction` are 12 random bytes. It is long enough for all that the server could say."""
    ip, port = probe.change
    attributes = [_SOFTWARE]
    if ip or port:
        flags = (0x4 if ip else 0) | (0x2 if port else 0)
        attributes.append(write_attribute(Attribute.CHANGE_REQUEST, flags.to_bytes(4, "big")))
    return write_stun(Kind.REQUEST, _cookie(transaction), attributes, is_signed=True)


def read_reply(data: bytes, transaction: bytes, source: Address) -> Reply | None:
    """Read what came at the socket where an answer is awaited; None is something else, or a refusal.

    Our own question, come back through the NAT, is the answer of a hairpin: `source` is what it was seen to come from.
    """
    try:
        message = parse_stun(data)
    except StunError:
        return None
    if message.transaction != _cookie(transaction):
        return None
    if message.kind is Kind.REQUEST:
        return Reply(source, None)
    mapped = message.address(Attribute.XOR_MAPPED_ADDRESS, Attribute.MAPPED_ADDRESS)
    if message.kind is not Kind.SUCCESS or mapped is None:
        return None
    return Reply(mapped, message.address(Attribute.OTHER_ADDRESS, Attribute.CHANGED_ADDRESS))


def _cookie(transaction: bytes) -> bytes:
    return bytes.fromhex("2112a442") + transaction
