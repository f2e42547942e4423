"""What a phone or a provider is pretended to do with one call, and the words that say so.

::

    answer  = target ":" outcome *( ";" outcome )        ; the first call gets the first one, the last one repeats
    outcome = [ ( "rings" / "plays" ) SECONDS [ "then" ] ] final
            / "rings"                                    ; and nobody answers
    final   = STATUS [ reason ]                          ; 486 Busy Here
            / ( "answers" / "200" ) [ "talks" SECONDS ]
            / "redirects to" ADDRESS
            / "busy" / "declines" / "unavailable" / "not found" / "unreachable" / "unregistered" / "silent"

Before a final outcome, ``after SECONDS`` lets time pass without ringing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipwright.errors import UserError
from sipwright.sip import reason_for

__all__ = ["SILENT", "AnswerError", "Behaviour", "parse_answer", "parse_outcome"]

TALK_TIME = 60.0
"""For how long an answered call lasts when nobody has said; only `dial(..., wait=True)` waits for it."""


class AnswerError(UserError):
    """A pretended answer that cannot be understood: what is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One call as one leg takes it: ringing at once or not, then a final response `after` so many seconds.

    A `status` of 0 is silence until the ring time is over. One that `plays` is heard before it answers. `talks` is how
    long an answered call lasts, `redirect` where a 3xx sends the caller; a phone that `is_registered` nowhere gets no
    call at all.
    """

    status: int
    reason: str = ""
    after: float = 0.0
    rings: bool = False
    talks: float = TALK_TIME
    redirect: str = ""
    is_registered: bool = True
    plays: bool = False

    @property
    def phrase(self) -> str:
        """The reason phrase."""
        return self.reason or reason_for(self.status)


SILENT = Behaviour(0, rings=True)

FINALS = {
    "answers": Behaviour(200),
    "200": Behaviour(200),
    "200 ok": Behaviour(200),
    "busy": Behaviour(486),
    "declines": Behaviour(603),
    "unavailable": Behaviour(480),
    "not found": Behaviour(404),
    "unreachable": Behaviour(503, "Unreachable"),
    "unregistered": Behaviour(480, is_registered=False),
    "silent": SILENT,
    "no answer": SILENT,
}
"""The words for what happens in the end."""

_WORDS = ", ".join(word for word in FINALS if not word[0].isdigit())
_TIME = re.compile(r"(rings|plays|after)\s+(\d+(?:\.\d+)?)\s*s?\b[\s,]*(?:(?:then|and)\b\s*)?", re.IGNORECASE)
_STATUS = re.compile(r"([2-6]\d\d)\b\s*(.*)", re.DOTALL)
_TALKS = re.compile(r"(.*?)\s*\b(?:talks|for)\s+(\d+(?:\.\d+)?)\s*s?", re.DOTALL | re.IGNORECASE)
_REDIRECT = re.compile(r"(?:redirects\s+to|30\d(?:\s+to)?)\s+<?(sips?:\S+?)>?", re.IGNORECASE)


def parse_answer(text: str) -> tuple[str, list[Behaviour]]:
    """Read ``bob: rings 5 then 200``; give who, and what they do, call after call.

    Raises:
        AnswerError: It cannot be understood.
    """
    who, colon, what = text.partition(": " if ": " in text else ":")
    if not colon or not who.strip() or not what.strip() or " " in who.strip():
        raise AnswerError(f"{text!r} does not say who does what; write WHO: WHAT, such as 'bob: busy'")
    return who.strip(), [parse_outcome(part) for part in what.split(";")]


def parse_outcome(text: str) -> Behaviour:
    """Read what one call meets, such as ``rings 5 then busy``.

    Raises:
        AnswerError: It cannot be understood.
    """
    rest = text.strip()
    after, rings, plays = 0.0, False, False
    while time := _TIME.match(rest):
        after += float(time[2])
        rings = rings or time[1].lower() == "rings"
        plays = plays or time[1].lower() == "plays"
        rest = rest[time.end() :]
    if not rest and rings:
        raise AnswerError(f"{text.strip()!r} does not say what follows; write 'rings {after:g} then busy'")
    if rest.lower() == "rings":
        return SILENT
    final = _final(rest)
    if final is None:
        raise AnswerError(
            f"{rest!r} is no outcome; write a status such as 486, or one of {_WORDS}, "
            "with 'rings SECONDS then' or 'plays SECONDS then' before it"
        )
    if final.status == 0:
        return final
    return Behaviour(
        final.status, final.reason, after, rings, final.talks, final.redirect, final.is_registered, plays
    )


def _final(text: str) -> Behaviour | None:
    words = " ".join(text.lower().split())
    if known := FINALS.get(words):
        return known
    if redirect := _REDIRECT.fullmatch(text):
        return Behaviour(302, redirect=redirect[1])
    if (talks := _TALKS.fullmatch(text)) and talks[1].lower() in ("answers", "200", "200 ok"):
        return Behaviour(200, talks=float(talks[2]))
    if (status := _STATUS.fullmatch(text)) and not 200 < int(status[1]) < 300:
        return Behaviour(int(status[1]), status[2].strip())
    return None
