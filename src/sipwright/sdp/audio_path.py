"""Whether the audio of one end of a call will reach the other, told before anybody speaks (RFC 4787, RFC 3264).

Media goes from end to end, so it depends on the NATs before them. What they do is read from what is known anyway: where
an end says to be, and where it was really heard from. A NAT that keeps the port of SIP is taken to keep those of
media; what it lets in is taken to be what it was asked for from inside, as nearly all do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sipwright.sdp.address import is_private

__all__ = ["AudioPath", "End", "Nat", "Verdict", "nat_of", "path_to"]

Address = tuple[str, int]


class Nat(Enum):
    """What stands before an end."""

    NONE = "none"
    KEEPS_PORTS = "keeps ports"
    CHANGES_PORTS = "changes ports"
    UNKNOWN = "unknown"


class Verdict(Enum):
    """Whether audio arrives."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"


class AudioPath(NamedTuple):
    """A verdict on one direction, and why."""

    verdict: Verdict
    why: str

    def __str__(self) -> str:
        return f"{self.verdict.value}: {self.why}"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a call.

    Attributes:
        seen: The address that its messages came from.
        nat: What stands before it.
        media: The address that its session description names, if there is one yet.
        has_ice: Its description has candidates (RFC 8839).
        is_told_as_it_is: No address of it is replaced (``ma=false``).
    """

    seen: str
    nat: Nat
    media: str | None = None
    has_ice: bool = False
    is_told_as_it_is: bool = False


def nat_of(said: Address, seen: Address, *, is_datagram: bool) -> Nat:
    """Return what stands before an end, from the address that it says and the one that it is heard from.

    The port of a connection says nothing, as whoever opens one takes any. A name that means nothing anywhere is what
    phones in browsers write (RFC 7118 §5); any other name is that of a server.
    """
    host = said[0].strip("[]").lower()
    if host == seen[0]:
        return Nat.NONE
    if host.endswith(".invalid"):
        return Nat.UNKNOWN
    if not is_private(host):
        return Nat.NONE
    if not is_datagram:
        return Nat.UNKNOWN
    return Nat.KEEPS_PORTS if said[1] == seen[1] else Nat.CHANGES_PORTS


def path_to(receiver: End, sender: End) -> AudioPath:
    """Return whether `receiver` will hear `sender`."""
    if receiver.has_ice and sender.has_ice:
        return AudioPath(Verdict.YES, "both ends look for a way themselves (ICE)")
    if receiver.seen == sender.seen:
        return _behind_one_router(receiver)
    if receiver.is_told_as_it_is and receiver.media is not None and is_private(receiver.media):
        return AudioPath(
            Verdict.NO, f"it names {receiver.media}, which means nothing elsewhere, and that is not replaced"
        )
    if is_private(receiver.seen) and not is_private(sender.seen):
        return AudioPath(Verdict.PERHAPS, "it is in our own network, so its ports have to be forwarded to it")
    return _RULES[receiver.nat](sender)


def _behind_one_router(receiver: End) -> AudioPath:
    media = receiver.media
    if receiver.nat is Nat.NONE or media is None or is_private(media):
        return AudioPath(Verdict.YES, "both are at the same address outside, and use their inner ones")
    return AudioPath(
        Verdict.PERHAPS,
        "both are behind one router, and it has to lead back inside what goes to its outer address",
    )


def _to_open(_: End) -> AudioPath:
    return AudioPath(Verdict.YES, "no NAT is before it")


def _to_kept(sender: End) -> AudioPath:
    if sender.nat is Nat.CHANGES_PORTS:
        return AudioPath(
            Verdict.NO,
            "its router lets in whom it was told to write to, and the other router changes that port",
        )
    if sender.nat is Nat.UNKNOWN:
        return AudioPath(
            Verdict.PERHAPS, "its router keeps ports; nothing is known of the one of the other end"
        )
    return AudioPath(Verdict.YES, "its router keeps ports, and its own audio opens the way")


def _to_changed(sender: End) -> AudioPath:
    if sender.nat is Nat.NONE:
        return AudioPath(
            Verdict.PERHAPS, "its router changes ports, so the other end has to answer where it is heard from"
        )
    return AudioPath(Verdict.NO, "its router changes ports, and nobody outside can know to which")


def _to_unknown(_: End) -> AudioPath:
    return AudioPath(Verdict.PERHAPS, "it does not say where it is, so nothing is known of its router")


_RULES = {
    Nat.NONE: _to_open,
    Nat.KEEPS_PORTS: _to_kept,
    Nat.CHANGES_PORTS: _to_changed,
    Nat.UNKNOWN: _to_unknown,
}
