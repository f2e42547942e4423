"""What is kept of what goes on in a call, by name: its processes, and what stands for its caller.

They stand in the document of the call (`recovery/document.py`), whose rules are theirs: a new name has a default, and
whatever else changes a name raises the format. Bytes of messages are Latin-1 text. Legs are named by their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "StoredNotice", "StoredOffer", "StoredPicker", "StoredProcess", "StoredProvisionals", "StoredReInvite",
    "StoredReferNames", "StoredRelay", "StoredRenegotiation", "StoredReport", "StoredSession", "StoredTakeover",
    "StoredTarget", "StoredThirdParty", "StoredTransfer", "StoredUnwantedAnswer", "read_picker", "read_process",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredReInvite:
    """What is kept of a re-INVITE of ours; `rounds` is how often it was sent again with credentials."""

    wire: str
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class StoredRelay:
    """What is kept of a request that crosses: as it came in, and as it went out (`wire`); a PRACK has its own RAck.

    An UPDATE goes out `as_invite` where the other end takes none.
    """

    sender: int
    receiver: int
    request: str
    wire: str
    is_done: bool
    rounds: int = 0
    flow: str | None = None
    rack: str | None = None
    as_invite: bool = False
    kind: str = "relay"


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """What is kept of what a transferor is told; `state` is that of the subscription, of what is still to be told."""

    status: int
    reason: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What is kept of the subscription of a REFER; `name` is the CSeq number of that, `wire` a NOTIFY on its way.

    `subscription` is its machine; before there was one, `next` was what was to be told next.
    """

    name: int
    is_wanted: bool
    last: StoredNotice
    wire: str | None = None
    next: StoredNotice | None = None
    rounds: int = 0
    subscription: dict[str, Any] | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """What is kept of a session description in a 2xx, which is to be acknowledged at `answer_by`."""

    body: str
    content_type: str | None = None
    answer_by: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredTransfer:
    """What is kept of a transfer; `other_id` is the call of the target, and `target` its leg there."""

    transferor: int
    remaining: int
    report: StoredReport
    stage: str
    other_id: str
    target: int
    failure: dict[str, Any]
    offer: StoredOffer | None = None
    invite: StoredReInvite | None = None
    kind: str = "transfer"


@dataclass(frozen=True, slots=True)
class StoredTakeover:
    """What is kept of a takeover; `place` is the leg of the call `other_id` that the new caller is joined with."""

    other_id: str
    place: int
    invite: StoredReInvite | None = None
    kind: str = "takeover"


@dataclass(frozen=True, slots=True)
class StoredRenegotiation:
    """What is kept of two ends that get each other's media again: the `leg` that is to be told the other's `offer`."""

    leg: int
    offer: StoredOffer | None = None
    invite: StoredReInvite | None = None
    kind: str = "renegotiation"


@dataclass(frozen=True, slots=True)
class StoredUnwantedAnswer:
    """What is kept of an answer that nobody wants: its dialog, our ACK and our BYE."""

    leg: int
    dialog: dict[str, Any]
    ack: str
    bye: str
    rounds: int = 0
    kind: str = "unwanted_answer"


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What is kept of the session timer of a leg: Unix times, our UPDATE or re-INVITE that is not answered."""

    leg: int
    interval: int
    is_ours: bool
    due_at: float
    expires_at: float
    least: int = 0
    takes_update: bool = False
    body: str = ""
    wire: str | None = None
    rounds: int = 0
    invite: StoredReInvite | None = None
    kind: str = "session"


@dataclass(frozen=True, slots=True)
class StoredProvisionals:
    """What is kept of reliable provisional responses, as lists (`midcall/provisionals.py` has the names)."""

    told: list[list[Any]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    heard: list[list[Any]] = field(default_factory=list)
    unacknowledged: list[Any] = field(default_factory=list)
    answers: list[list[Any]] = field(default_factory=list)
    pracks: list[list[Any]] = field(default_factory=list)
    rounds: int = 0
    kind: str = "provisionals"


@dataclass(frozen=True, slots=True)
class StoredReferNames:
    """What is kept of REFERs that have crossed: the leg that was told, and the CSeq numbers there and here."""

    told: list[tuple[int, int, int]] = field(default_factory=list)
    kind: str = "refer_names"


StoredProcess = (
    StoredRelay | StoredTransfer | StoredTakeover | StoredRenegotiation | StoredUnwantedAnswer | StoredSession
    | StoredProvisionals | StoredReferNames
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredThirdParty:
    """What is kept of a call that the switch makes between two: who has answered, and who is still to be called."""

    first: int | None
    second: int | None
    offer: str | None
    then: list[list[str]]
    ring: float
    versions: int | None = None
    is_planned: bool = False


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """What is kept of the call to the target of a transfer: that of the call `origin_id`."""

    origin_id: str
    second: int | None
    is_adopted: bool = False


@dataclass(frozen=True, slots=True)
class StoredPicker:
    """What is kept of somebody who picks up the call `other_id`: what was offered, and our re-INVITE."""

    other_id: str
    offer: str
    invite: StoredReInvite | None = None


_KINDS: dict[str, type[StoredProcess]] = {
    "relay": StoredRelay,
    "transfer": StoredTransfer,
    "takeover": StoredTakeover,
    "renegotiation": StoredRenegotiation,
    "unwanted_answer": StoredUnwantedAnswer,
    "session": StoredSession,
    "provisionals": StoredProvisionals,
    "refer_names": StoredReferNames,
}
_PARTS: dict[str, type[Any]] = {
    "report": StoredReport, "last": StoredNotice, "next": StoredNotice, "offer": StoredOffer, "invite": StoredReInvite,
}  # fmt: skip


def read_process(known: dict[str, Any]) -> StoredProcess:
    """Make what is kept of a process from what JSON gives.

    Raises:
        LookupError, TypeError: It is damaged, or of a newer version.
    """
    return _KINDS[known["kind"]](**_read(known))


def read_picker(known: dict[str, Any]) -> StoredPicker:
    """Make what is kept of a pick-up from what JSON gives."""
    return StoredPicker(**_read(known))


def _read(known: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _PARTS[name](**_read(value)) if name in _PARTS and isinstance(value, dict) else value
        for name, value in known.items()
    }
