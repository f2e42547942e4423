"""The states of a leg, and what leads from one to another.

::

    WAITING ---launch---> CALLING ---ring---> RINGING
                             |                   |
              +--------------+---------+---------+------------+
              | answer                 | cancel               | refuse (the caller alone)
              v            answer      v                      v
          ANSWERED <-------------- CANCELLED               REFUSED
              | hang up                |                      |
              v                        | a final response     | its ACK
         HANGING_UP -------------------+----------------------+---> ENDED

A leg may end in any state: its peer has said good-bye, or is gone, or a failure came.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LEADS_TO", "OPEN", "RULES", "LegEvent", "LegState"]


class LegState(StrEnum):
    """Where a leg stands.

    `CANCELLED` still waits for the final response that its CANCEL causes, `REFUSED` for the ACK to ours.
    """

    WAITING = "waiting"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    HANGING_UP = "hanging up"
    REFUSED = "refused"
    ENDED = "ended"


class LegEvent(StrEnum):
    """What happens to a leg: `DELAY` and `LAUNCH` are the hunt's, `HANG_UP` is our BYE, `END` leaves nothing to do."""

    DELAY = "delay"
    LAUNCH = "launch"
    RING = "ring"
    ANSWER = "answer"
    CANCEL = "cancel"
    REFUSE = "refuse"
    HANG_UP = "hang up"
    END = "end"


OPEN = (LegState.RINGING, LegState.CALLING, LegState.WAITING)
"""The states in which a leg may still be answered."""

_S, _E = LegState, LegEvent

# The machine. A pair that is not listed is a mistake of ours.
# fmt: off
RULES = {
    (_S.CALLING,    _E.DELAY):   _S.WAITING,
    (_S.CALLING,    _E.LAUNCH):  _S.CALLING,
    (_S.WAITING,    _E.LAUNCH):  _S.CALLING,
    (_S.CALLING,    _E.RING):    _S.RINGING,
    (_S.CALLING,    _E.ANSWER):  _S.ANSWERED,
    (_S.RINGING,    _E.ANSWER):  _S.ANSWERED,
    (_S.CANCELLED,  _E.ANSWER):  _S.ANSWERED,    # a 2xx that crossed our CANCEL (RFC 3261 §9.1)
    (_S.ENDED,      _E.ANSWER):  _S.ANSWERED,    # one of another phone behind the same proxy (§13.2.2.4)
    (_S.CALLING,    _E.CANCEL):  _S.CANCELLED,
    (_S.RINGING,    _E.CANCEL):  _S.CANCELLED,
    (_S.CALLING,    _E.REFUSE):  _S.REFUSED,
    (_S.RINGING,    _E.REFUSE):  _S.REFUSED,
    (_S.ANSWERED,   _E.HANG_UP): _S.HANGING_UP,
    (_S.HANGING_UP, _E.HANG_UP): _S.HANGING_UP,  # once more: with credentials, or in a new process
    **{(state, _E.END): _S.ENDED for state in _S},
}
# fmt: on

LEADS_TO = {event: state for (_, event), state in RULES.items()}
"""Where each event leads, from whatever state: a mistake of ours leaves no call stuck."""
