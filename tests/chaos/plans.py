"""A call as it is to be: what each end does, when, and how the call has to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .callee import Callee
    from .caller import Caller

__all__ = ["Behaviour", "Plan"]


@dataclass(slots=True)
class Behaviour:
    """What a phone does with a call: rings after `rings`, then says `final` after `wait` (`None`: never).

    A 302 sends the caller to `moves_to`, at the same socket. With `forks_after` one more phone behind the same proxy
    answers, so many seconds after the ACK to the first.
    """

    rings: float = 0.1
    wait: float = 1.0
    final: int | None = 200
    has_early_media: bool = False
    may_ring: bool = True
    moves_to: str = ""
    forks_after: float | None = None


@dataclass(slots=True)
class Plan:
    """One call. `answered_by` is the account that answers; else `ends_with` is what the caller hears.

    `journals` has what each dialplan that runs for it does, in order. `calls_back` are two accounts that the switch
    calls by itself afterwards: the first answers, and the second does if `joins`. What `happens_once` is done by one
    end while the two talk. It goes `through` the provider of that number.
    By a transfer it is `joined_with` the other call of its caller.
    """

    id: int
    kind: str
    dialled: str
    behaviours: dict[str, Behaviour]
    answered_by: str | None = None
    ends_with: int | None = None
    account: str | None = None
    is_tcp: bool = False
    give_up_after: float | None = None
    has_proxy: bool = False
    has_late_offer: bool = False
    actions: list[tuple[float, str, str]] = field(default_factory=list)
    talk: float = 3.0
    hung_up_by: str = "caller"
    rings_for: dict[str, float] = field(default_factory=dict)
    starts_after: dict[str, float] = field(default_factory=dict)
    journals: dict[str, list[str]] = field(default_factory=dict)
    calls_back: tuple[str, str] | None = None
    joins: bool = False
    happens_once: tuple[str, str] | None = None
    through: int | None = None
    joined_with: Plan | None = None
    # What happened.
    caller: Caller | None = None
    callees: dict[str, list[Callee]] = field(default_factory=dict)

    def callee(self, account: str | None) -> Callee | None:
        """Return the phone of an account that was called."""
        ends = self.callees.get(account or "", [])
        return ends[0] if ends else None

    @property
    def answerer(self) -> Callee | None:
        """The end that answered."""
        return self.callee(self.answered_by)

    @property
    def began(self) -> float:
        """When its caller has called, in monotonic seconds; 0 if that has not."""
        return 0.0 if self.caller is None else self.caller.invited_at

    def __str__(self) -> str:
        return f"#{self.id} {self.kind} {self.caller.call_id if self.caller else '-'}"
