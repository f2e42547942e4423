"""How a run ends for a caller who has no final response yet, and the sentence that its owner reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..language.values import DialResult
from ..sandbox.result import Completed, Failed, Kind

__all__ = ["Ending", "of_failure", "of_script"]

# What one user has used up is no fault of the switch: a trunk that hears 503 would send nobody's calls here any more.
_STATUS = {Kind.OVERLOAD: 503, Kind.QUOTA: 480}


@dataclass(frozen=True, slots=True)
class Ending:
    """The final response for a caller who has none yet, and one sentence on why.

    It `is_relayed` when it is what the last `dial()` heard, and not what the script said.
    """

    status: int
    reason: str | None
    headers: tuple[tuple[str, str], ...]
    sentence: str
    failure: Failed | None = None
    is_relayed: bool = field(default=False, compare=False)


def of_script(completed: Completed, last: DialResult | None, where: str | None = None) -> Ending:
    """Return what a script has said at its end, and where, or else what its last ``dial()`` heard."""
    response = completed.response
    if response is not None:
        said = f"{response.status} {response.reason or ''}".rstrip()
        sentence = f"{where or f'line {completed.line}'} answered {said}"
        return Ending(response.status, response.reason, response.headers, sentence)
    if last is not None and last.hung_up:
        return Ending(last.status, last.reason, (), "the caller hung up, and the script went on to its end")
    if last is not None and not last.answered:
        sentence = f"nobody answered: {last.status} {last.reason}"
        return Ending(last.status, last.reason, (), sentence, is_relayed=True)
    return Ending(480, None, (), "the script came to its end")


def of_failure(failed: Failed, dialplan: str) -> Ending:
    """Return what a caller hears when the script of that name failed: a Reason says why (RFC 3326)."""
    status = _STATUS.get(failed.kind, 500)
    sentence = f"dialplan {dialplan}: {failed.message}".replace("\\", "/").replace('"', "'")
    reason = (("Reason", f'SIP;cause={status};text="{sentence}"'),)
    later = (("Retry-After", "10"),) if status == 503 else ()
    return Ending(status, None, reason + later, failed.message, failed)
