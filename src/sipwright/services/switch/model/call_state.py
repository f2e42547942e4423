"""The states of a call, and what leads from one to another.

::

                     join                  end
    SETTING_UP -----------------> TALKING -----> ENDING ----> forgotten, when all of its legs are over
         |                                         ^
         |   end: refused, given up, handed over   |
         +-----------------------------------------+
"""

from __future__ import annotations

from enum import StrEnum

from sipwright.services.state_table import StateTable

__all__ = ["ENDING", "SETTING_UP", "TABLE", "TALKING", "CallEvent", "CallState"]


class CallState(StrEnum):
    """`SETTING_UP` until an end answers, `TALKING` while both ends are joined, `ENDING` until both know it is over."""

    SETTING_UP = "setting up"
    TALKING = "talking"
    ENDING = "ending"


class CallEvent(StrEnum):
    """What happens to a call as a whole."""

    JOIN = "join"
    END = "end"


# As in `leg_state.py`: what every call asks for has a name of its own.
SETTING_UP, TALKING, ENDING = CallState

_E = CallEvent

# fmt: off
TABLE = StateTable("a call", {
    (SETTING_UP, _E.JOIN): TALKING,
    (SETTING_UP, _E.END):  ENDING,
    (TALKING,    _E.END):  ENDING,
})
# fmt: on
