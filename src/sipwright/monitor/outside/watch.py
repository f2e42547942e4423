"""Asks all servers every few seconds, and says once when one is lost, once an hour while it is, and when it is back.

It never restarts anything: that hides faults, and can go round in circles. What it knows outlives it in a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from sipwright.monitor.alerts.book import AlertBook
from sipwright.monitor.alerts.outbox import Deliver, Outbox, deliver, keep_state, read_state
from sipwright.monitor.outside.questions import Question
from sipwright.monitor.outside.settings import OutsideSettings
from sipwright.monitor.probes.result import Lost

__all__ = ["OutsideWatch"]

log = structlog.get_logger(__name__)

PATIENCE = 10.0
"""Seconds that one question may take in all."""


@dataclass(slots=True)
class Standing:
    """How often a question was lost in a row, and since when."""

    losses: int = 0
    since: float = 0.0


class OutsideWatch:
    """The watch over some servers; time is told to it."""

    def __init__(
        self,
        settings: OutsideSettings,
        questions: Sequence[Question],
        state: Path,
        deliver: Deliver = deliver,
    ) -> None:
        self._settings = settings
        self._questions = list(questions)
        self._state = state
        self.book = AlertBook(
            settings.name, again=settings.again, gather=2 * settings.every, per_hour=settings.per_hour
        )
        self.outbox = Outbox(settings.alerts, deliver)
        self._standings: dict[str, Standing] = {}
        self._kept: dict[str, object] = {}
        self._is_unkept = False
        self._load()

    async def round(self, now: float) -> dict[str, str | None]:
        """Ask everybody once; returns why each question was lost, or None where it was answered."""
        answers = await asyncio.gather(*map(_ask, self._questions))
        found = {question.key: why for question, why in zip(self._questions, answers, strict=True)}
        for question in self._questions:
            self._take(question, found[question.key], now)
        gone = self._standings.keys() - found.keys()
        for key in gone:
            del self._standings[key]
            self.book.end(key, now)
        muted = {one.key for one in self._questions if self._settings.is_maintained(one.server, now)}
        message = self.book.due(now, muted=muted)
        if message is not None:
            self.outbox.put(message)
        self._keep()
        return found

    async def send(self, now: float) -> None:
        """Deliver what is to be said, as far as that can be done now."""
        if len(self.outbox):
            await self.outbox.flush(now)
            self._keep()

    def _take(self, question: Question, why: str | None, now: float) -> None:
        standing = self._standings.setdefault(question.key, Standing())
        if why is None:
            if standing.losses:
                log.info("answers again", server=question.server, asked=question.kind, losses=standing.losses)
            standing.losses = 0
            self.book.end(question.key, now)
            return
        if not standing.losses:
            standing.since = now
        standing.losses += 1
        if standing.losses <= self._settings.losses:  # then there is an alert, and a night has many seconds
            log.info("lost", server=question.server, asked=question.kind, losses=standing.losses, why=why)
        if standing.losses >= self._settings.losses and not self._settings.is_maintained(
            question.server, now
        ):
            self.book.begin(question.key, question.text(why), question.advice, now, standing.since)

    def _load(self) -> None:
        state = read_state(self._state)
        try:
            self._standings = {key: Standing(*one) for key, one in state.get("standings", {}).items()}
            self.book.load(state.get("book", {}))
            self.outbox.load(state.get("outbox", ()))
        except (TypeError, ValueError, LookupError, AttributeError):
            log.error("what was known makes no sense, and is forgotten", file=str(self._state))
            self._standings = {}
            self.book.load({})
            self.outbox.load(())

    def _keep(self) -> None:
        """Write down what is known, where it has changed."""
        state: dict[str, object] = {
            "standings": {key: [one.losses, one.since] for key, one in self._standings.items() if one.losses},
            "book": self.book.to_state(),
            "outbox": self.outbox.to_state(),
        }
        if state == self._kept:
            return
        try:
            keep_state(self._state, state)
        except OSError as error:
            if not self._is_unkept:
                log.error("what is known cannot be written down", file=str(self._state), error=error.strerror)
            self._is_unkept = True
            return
        self._kept, self._is_unkept = state, False


async def _ask(question: Question) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            await question.ask()
    except Lost as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {PATIENCE:g} s"
    return None
