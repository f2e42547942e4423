"""What a worker asks all others at once, and what they answer: each question has a number, which its answers name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

__all__ = ["CrewQuestions"]

PATIENCE = 1.0
"""Seconds that the other workers have before nobody waits for them any more."""

Answer = dict[str, Any]


class CrewQuestions:
    """The questions of one worker and of the others.

    Args:
        others: The names of the other workers.
        tell: Tells them something, of a kind, all or one.
        answer: Does what another one asks for, and returns what is answered; None for nothing.
    """

    def __init__(
        self,
        others: Collection[str],
        tell: Callable[[str, Any, str | None], None],
        answer: Callable[[str], Awaitable[Answer | None]],
    ) -> None:
        self._others = others
        self._tell = tell
        self._answer_to = answer
        self._number = 0
        self._waiting: dict[int, tuple[dict[str, Answer], asyncio.Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Answer nothing more."""
        for task in self._tasks:
            task.cancel()

    async def ask(self, what: str) -> dict[str, Answer]:
        """Ask all others, and return what they have answered in time; one that is being started again does not."""
        self._number += 1
        number, answers, done = self._number, dict[str, Answer](), asyncio.Event()
        self._waiting[number] = answers, done
        self._tell("asked", (what, number), None)
        try:
            async with asyncio.timeout(PATIENCE):
                await done.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[number]
        return answers

    def asked(self, worker: str, what: str, number: int) -> None:
        """Answer another worker, in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(worker, what, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, worker: str, what: str, number: int) -> None:
        answer = await self._answer_to(what)
        if answer is not None:
            self._tell("answer", (number, answer), worker)

    def answered(self, worker: str, number: int, answer: Answer) -> None:
        """Take an answer, unless nobody waits for it any more."""
        if number in self._waiting:
            answers, done = self._waiting[number]
            answers[worker] = answer
            if len(answers) == len(self._others):
                done.set()
