"""Phones and providers as a test speaks of them: ``phone("bob").rings(3).busy()``."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from .answers import Answers
from .behaviour import Behaviour, parse_outcome

__all__ = ["Party"]


class Party:
    """A phone or provider that is called: each sentence says what the next call meets, ``then`` goes to the one after.

    ::

        phone("bob").rings(3).busy()
        phone("bob").busy().then.answers(after=5)     # the first call, and every later one
    """

    def __init__(self, answers: Answers, who: str) -> None:
        self._answers = answers
        self._who = who
        self._said: list[Behaviour] = []
        self._goes_on = True
        self._rings = 0.0
        self._is_ringing = False
        self._plays = False

    @property
    def then(self) -> Self:
        """Speak of the next call."""
        self._goes_on = True
        return self

    def rings(self, seconds: float = 0.0) -> Self:
        """Ring for so long before what is said next; alone: ring, and nobody answers."""
        self._rings, self._is_ringing = seconds, True
        if self._goes_on and not self._said:
            self._answers.set(self._who, [Behaviour(0, rings=True)])
        return self

    def plays(self, seconds: float = 0.0) -> Self:
        """Let the caller hear something for so long before what is said next, unless ``early=False`` keeps it away."""
        self._rings, self._plays = seconds, True
        return self

    def answers(self, after: float = 0.0, talks: float | None = None) -> Self:
        """Answer; `talks` is how long the call lasts, for ``dial(..., wait=True)``."""
        rings = self._is_ringing or after > 0
        usual = Behaviour(200, after=self._rings + after, rings=rings)
        return self._say(
            usual if talks is None else Behaviour(200, after=usual.after, rings=rings, talks=float(talks))
        )

    def busy(self) -> Self:
        """Answer 486 Busy Here."""
        return self.responds(486)

    def declines(self) -> Self:
        """Answer 603 Decline, which stops everybody else from ringing too."""
        return self.responds(603)

    def unavailable(self) -> Self:
        """Answer 480 Temporarily Unavailable."""
        return self.responds(480)

    def responds(self, status: int, reason: str = "", after: float = 0.0) -> Self:
        """Answer with any final status."""
        return self._say(Behaviour(status, reason, self._rings + after, self._is_ringing))

    def redirects(self, to: str, after: float = 0.0) -> Self:
        """Send the call to another address (302)."""
        return self._say(Behaviour(302, "", self._rings + after, self._is_ringing, redirect=to))

    def unreachable(self) -> Self:
        """Be nowhere to be found: no way leads there."""
        return self._say(Behaviour(503, "Unreachable"))

    def unregistered(self) -> Self:
        """Have no phone registered: nothing rings at all."""
        return self._say(Behaviour(480, is_registered=False))

    def silent(self) -> Self:
        """Never answer, until the ring time is over."""
        return self._say(Behaviour(0, rings=self._is_ringing))

    def does(self, what: str) -> Self:
        """Say it in the words of ``sipwright dialplan try --answer``: ``does("rings 5 then busy")``."""
        return self._say(parse_outcome(what))

    def _say(self, behaviour: Behaviour) -> Self:
        if not self._goes_on:
            self._said = []
        self._said.append(replace(behaviour, plays=True) if self._plays else behaviour)
        self._goes_on, self._rings, self._is_ringing, self._plays = False, 0.0, False, False
        self._answers.set(self._who, list(self._said))
        return self
