"""What a script is told of a leg's audio: whether both ends would have heard each other, and why not."""

from __future__ import annotations

from sipwright.sdp.audio_path import AudioPath, End, Verdict, nat_of, path_to
from sipwright.sip import ParseError, Uri

from ..call.callee import Callee
from ..call.leg import Leg

__all__ = ["audio_with"]

_BAD_FIRST = (Verdict.NO, Verdict.PERHAPS, Verdict.YES)


def audio_with(caller: Leg, callee: Callee) -> str:
    """Return the worse of both directions, as ``no: WHY``; empty where nothing is known of an end."""
    invite = caller.invite
    if invite is None or callee.flow is None or callee.flow.protocol == "loop":
        return ""
    try:
        contacts = invite.contacts
        near = _end(caller, contacts[0].uri if contacts else invite.from_uri, callee)
        far = _end(callee, Uri.parse(callee.destination.uri), callee)
    except ParseError:
        return ""
    if near is None or far is None:
        return ""
    there, back = path_to(far, near), path_to(near, far)
    said = (("the callee", there), ("the caller", back))
    return min((_worded(who, path) for who, path in said), key=lambda one: one[0])[1]


def _end(leg: Leg, uri: object, callee: Callee) -> End | None:
    flow = leg.flow
    if flow is None or flow.protocol == "loop" or not isinstance(uri, Uri):
        return None
    nat = nat_of((uri.host, uri.used_port), flow.remote, is_datagram=not flow.is_reliable)
    return End(flow.remote[0], nat, is_told_as_it_is=callee.destination.options.mangle is False)


def _worded(who: str, path: AudioPath) -> tuple[int, str]:
    rank = _BAD_FIRST.index(path.verdict)
    if path.verdict is Verdict.YES:
        return rank, "yes"
    would = "would hear nothing" if path.verdict is Verdict.NO else "may hear nothing"
    return rank, f"{path.verdict.value}: {who} {would}, as {path.why}"
