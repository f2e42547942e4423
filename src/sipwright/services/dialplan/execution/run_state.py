"""The states of a run, and what leads from one to another.

::

            start          a command, and its continuation
    RUNNING ------> sandbox ---------------------------> WAITING
       ^                 |                                  |
       |                 | the end, a failure               | nobody answered, the call ended, slept enough
       +-----------------|----------------------------------+  (or the caller gave up, after wait=True)
                         v                                  | answered, caller gone
                        OVER <------------------------------+
"""

from __future__ import annotations

from enum import StrEnum

from sipwright.services.state_table import StateTable

__all__ = ["TABLE", "RunEvent", "RunState"]


class RunState(StrEnum):
    """Where a run is: in the sandbox or on its way there, at a command, or nowhere any more."""

    RUNNING = "running"
    WAITING = "waiting"
    OVER = "over"


class RunEvent(StrEnum):
    """What happens to a run."""

    SUSPEND = "suspend"
    GO_ON = "go on"
    END = "end"


_S, _E = RunState, RunEvent

# fmt: off
TABLE = StateTable("a run", {
    (_S.RUNNING, _E.SUSPEND): _S.WAITING,
    (_S.WAITING, _E.GO_ON):   _S.RUNNING,
    (_S.RUNNING, _E.END):     _S.OVER,
    (_S.WAITING, _E.END):     _S.OVER,
    (_S.OVER,    _E.END):     _S.OVER,     # its host failed to take the end
})
# fmt: on
