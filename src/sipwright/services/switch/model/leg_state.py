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

__all__ = [
    "ANSWER", "ANSWERED", "CALLING", "CANCEL", "DELAY", "END", "ENDED", "HANGING_UP", "HANG_UP", "LAUNCH", "LEADS_TO",
    "OPEN", "REFUSE", "REFUSED", "RING", "RINGING", "RULES", "WAITING", "LegEvent", "LegState",
]  # fmt: skip


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


# As Python 3.11 takes its time to find a member of an enumeration, what every call asks for has a name of its own.
WAITING, CALLING, RINGING, ANSWERED, CANCELLED, HANGING_UP, REFUSED, ENDED = LegState
DELAY, LAUNCH, RING, ANSWER, CANCEL, REFUSE, HANG_UP, END = LegEvent

OPEN = (RINGING, CALLING, WAITING)
"""The states in which a leg may still be answered."""

# The machine. A pair that is not listed is a mistake of ours.
# fmt: off
RULES = {
    (CALLING,    DELAY):   WAITING,
    (CALLING,    LAUNCH):  CALLING,
    (WAITING,    LAUNCH):  CALLING,
    (CALLING,    RING):    RINGING,
    (CALLING,    ANSWER):  ANSWERED,
    (RINGING,    ANSWER):  ANSWERED,
    (CANCELLED,  ANSWER):  ANSWERED,    # a 2xx that crossed our CANCEL (RFC 3261 §9.1)
    (ENDED,      ANSWER):  ANSWERED,    # one of another phone behind the same proxy (§13.2.2.4)
    (CALLING,    CANCEL):  CANCELLED,
    (RINGING,    CANCEL):  CANCELLED,
    (CALLING,    REFUSE):  REFUSED,
    (RINGING,    REFUSE):  REFUSED,
    (ANSWERED,   HANG_UP): HANGING_UP,
    (HANGING_UP, HANG_UP): HANGING_UP,  # once more: with credentials, or in a new process
    **{(state, END): ENDED for state in LegState},
}
# fmt: on

LEADS_TO = {event: state for (_, event), state in RULES.items()}
"""Where each event leads, from whatever state: a mistake of ours leaves no call stuck."""
