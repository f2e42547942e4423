"""Whether audio flows in a call, and why not, from what its messages say and where they came from.

It is told as soon as a phone is rung: the INVITE that came, and the one that leaves, say where both ends are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sipwright.sdp import connection_addresses, media
from sipwright.sdp.audio_path import AudioPath, End, Nat, nat_of, path_to
from sipwright.sip import Message, ParseError, Request, Uri, parse
from sipwright.transport.flow import FlowKey, parse_flow_key

from .ladder import Rung

__all__ = ["AudioOfLeg", "audio_of"]


@dataclass(frozen=True, slots=True)
class AudioOfLeg:
    """What is to be expected between the caller and one leg: `to_leg` is whether that hears the caller."""

    leg: int
    to_leg: AudioPath
    to_caller: AudioPath

    def to_json(self) -> dict[str, Any]:
        """Return it for other programs."""
        return {
            "leg": self.leg,
            **{
                name: {"verdict": path.verdict.value, "why": path.why}
                for name, path in (("to_leg", self.to_leg), ("to_caller", self.to_caller))
            },
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        return [
            f"leg {self.leg} hears the caller: {self.to_leg}",
            f"the caller hears leg {self.leg}: {self.to_caller}",
        ]


class _Known:
    """What is known of one end so far."""

    def __init__(self) -> None:
        self.flow: FlowKey | None = None
        self.said: tuple[str, int] | None = None
        self.own = b""
        self.passed_on = b""

    def end(self) -> End | None:
        """Return the end, if it is one that has a flow."""
        if self.flow is None or self.said is None or self.flow.protocol == "loop":
            return None
        own, told = _address(self.own), _address(self.passed_on)
        nat = nat_of(self.said, self.flow.remote, is_datagram=self.flow.protocol == "udp")
        return End(
            self.flow.remote[0], nat, own, b"\na=candidate:" in self.own,
            is_told_as_it_is=bool(told) and told == own and nat is not Nat.NONE,
        )  # fmt: skip


def audio_of(ladder: Iterable[Rung]) -> list[AudioOfLeg]:
    """Return what is to be expected of each leg that was rung, in their order."""
    known: dict[int, _Known] = {}
    for rung in ladder:
        try:
            message, flow = parse(rung.data), parse_flow_key(rung.flow)
        except (ParseError, ValueError):
            continue
        if message.cseq.method == "INVITE" and flow.protocol != "loop":
            _take(known, rung, message, flow)
    caller = known.get(0)
    near = None if caller is None else caller.end()
    found = []
    for leg in sorted(known):
        far = known[leg].end() if leg else None
        if near is not None and far is not None:
            found.append(AudioOfLeg(leg, path_to(far, near), path_to(near, far)))
    return found


def _take(known: dict[int, _Known], rung: Rung, message: Message, flow: FlowKey) -> None:
    one = known.setdefault(rung.leg, _Known())
    if isinstance(message, Request) and one.flow is None:
        one.flow = flow
        uri = message.contacts[0].uri if rung.is_to_switch and message.contacts else message.request_uri
        if isinstance(uri, Uri):
            one.said = uri.host, uri.used_port
    if not message.body:
        return
    if rung.is_to_switch:
        one.own = message.body
        return
    # What leaves to a leg is what the caller has said, and what leaves to the caller is what a leg has said.
    for leg, other in known.items():
        if (leg == 0) == (rung.leg != 0) and other.own and not other.passed_on:
            other.passed_on = message.body


def _address(body: bytes) -> str | None:
    """Return the address that a description names for its audio."""
    for one in media(body):
        if one.kind == "audio" and one.connection:
            return one.connection
    return next(iter(connection_addresses(body)), None)
