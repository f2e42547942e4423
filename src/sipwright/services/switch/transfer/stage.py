"""How far a transfer is, and what leads from one stage to the next.

::

    DIALLING ------- offer ------> OFFERING --- join ---> DONE
        |                             ^
       ask     ASKING --- offer ------+
        +----> again, when something else
               changed that leg meanwhile

From each of the first three, `fail` leads to FAILED; and so does from wherever it is `stop`, the end of the call.
"""

from __future__ import annotations

from enum import StrEnum

from sipwright.services.state_table import StateTable

__all__ = ["TABLE", "Stage", "StageEvent"]


class Stage(StrEnum):
    """How far a transfer is: `ASKING` the target for an offer, `OFFERING` that to the remaining end."""

    DIALLING = "dialling"
    ASKING = "asking"
    OFFERING = "offering"
    DONE = "done"
    FAILED = "failed"


class StageEvent(StrEnum):
    """What happens to a transfer; `STOP` is the end of the call in which it goes on."""

    ASK = "ask"
    OFFER = "offer"
    JOIN = "join"
    FAIL = "fail"
    STOP = "stop"


_S, _E = Stage, StageEvent

# fmt: off
TABLE = StateTable("a transfer", {
    (_S.DIALLING, _E.ASK):   _S.ASKING,
    (_S.DIALLING, _E.OFFER): _S.OFFERING,
    (_S.DIALLING, _E.FAIL):  _S.FAILED,
    (_S.ASKING,   _E.ASK):   _S.ASKING,     # once more: something else changed that leg
    (_S.ASKING,   _E.OFFER): _S.OFFERING,
    (_S.ASKING,   _E.FAIL):  _S.FAILED,
    (_S.OFFERING, _E.JOIN):  _S.DONE,
    (_S.OFFERING, _E.FAIL):  _S.FAILED,
    **{(stage, _E.STOP): _S.FAILED for stage in _S},
})
# fmt: on
