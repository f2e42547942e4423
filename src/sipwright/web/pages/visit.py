"""A visit: one page in one browser, of somebody who has logged in; what it shows live ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog
from nicegui import context, ui
from nicegui.client import Client
from starlette.requests import Request

from sipwright.usecases.errors import Conflict, Invalid, Throttled, Unavailable, UseCaseError, said_to
from sipwright.usecases.issued import csrf_of
from sipwright.web.pages.elements import prefix
from sipwright.web.pages.format import moment, sentence, time_of_day
from sipwright.web.pages.pressing import leave
from sipwright.web.pages.sockets import silence
from sipwright.web.pages.widgets import Field, Toasts
from sipwright.web.visitors import COOKIE

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases

__all__ = ["Visit"]

log = structlog.get_logger(__name__)

ASK_AGAIN = 2.0
"""Seconds until a page asks again that could not be told what it shows."""

SEEN_TO_EVERY = 1.0
"""Seconds between two looks whether a session has ended, which then shows nothing more."""


class Visit:
    """Who looks at a page, and what they may do there."""

    def __init__(self, usecases: UseCases, actor: Actor, request: Request) -> None:
        self.usecases = usecases
        self.actor = actor
        self.request = request
        self.client: Client = context.client
        self.prefix = prefix()
        self.toasts: Toasts | None = None
        self.zone = "UTC"
        self._works: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._is_shown = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.client.on_delete(self.end)
        with self.client:
            ui.on_exception(self._escaped)

    @property
    def path(self) -> str:
        """Where the page is, among ours."""
        return self.request.url.path.removeprefix(self.request.scope.get("root_path", ""))

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the ``?`` of the address."""
        return dict(self.request.query_params)

    @property
    def csrf(self) -> str:
        """What a form shows beside the cookie of the session, to prove that it comes from this page."""
        return csrf_of(self.request.cookies.get(COOKIE, ""))

    async def settle(self) -> None:
        """Find out by which clock somebody reads."""
        self.zone = (await self.usecases.me.get(self.actor)).timezone

    def moment(self, at: float | None) -> str:
        """Write when something was, by their clock."""
        return moment(at, self.zone)

    def time_of_day(self, at: float) -> str:
        """Write a time of day with milliseconds, by their clock."""
        return time_of_day(at, self.zone)

    @property
    def now(self) -> float:
        """The time by which the switch stores what it does."""
        return self.usecases.ground.now

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """Say something for a few seconds."""
        if self.toasts is not None and not self.client.is_deleted:
            self.toasts.say(sentence, bad=bad)

    def go(self, target: str) -> None:
        """Go to another of our pages."""
        leave(self.client)
        self.client.open(target)

    def live(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something for as long as somebody looks, from when the page is whole and the browser connected."""
        if self._is_shown:
            self._begin(work)
        else:
            self._works.append(work)

    def begin_again(self) -> None:
        """Forget what half a page wanted to do, since something else is shown in its place."""
        self._works.clear()

    def shown(self) -> None:
        """Begin what is live: only now, since the answer leaves as soon as somebody waits for the browser."""
        self._is_shown = True
        for work in self._works:
            self._begin(work)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def begin() -> None:
            await (
                self.client.connected()
            )  # however late; a page that nobody comes for is deleted, and this ends
            with self.client:
                await work()

        task = asyncio.get_running_loop().create_task(begin())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def persistently(
        self, follow: Callable[[], AsyncIterator[Any]], take: Callable[[Any], None]
    ) -> None:
        """Take what a stream tells, and ask for it again when it could not be had or has ended."""
        while True:
            try:
                async for one in follow():
                    take(one)
            except Unavailable:
                pass
            await asyncio.sleep(ASK_AGAIN)

    @contextmanager
    def telling(self, **fields: Field) -> Iterator[None]:
        """Tell what goes wrong inside: at its field, or else for a few seconds below."""
        for field in fields.values():
            field.fault = ""
        try:
            yield
        except UseCaseError as error:
            self.tell(error, **fields)

    def tell(self, error: UseCaseError, **fields: Field) -> None:
        """Tell what has gone wrong: at its field, or else for a few seconds below."""
        if isinstance(error, Invalid):
            left = [one.message for one in error.fields if not _told_at(fields, one.field, one.message)]
            if left or not error.fields:
                self.say(sentence(left[0] if left else str(error)), bad=True)
        elif isinstance(error, Conflict) and _told_at(fields, error.field, str(error)):
            pass
        elif isinstance(error, Throttled):
            self.say(f"{sentence(str(error))} Try again in {max(1, round(error.retry_after))} s.", bad=True)
        else:
            self.say(sentence(said_to(error, is_admin=self.actor.is_admin)), bad=True)

    async def attempt(self, work: Callable[[], Awaitable[Any]], **fields: Field) -> bool:
        """Do something and tell what goes wrong; returns whether it is done."""
        for field in fields.values():
            field.fault = ""
        try:
            await work()
        except UseCaseError as error:
            self.tell(error, **fields)
            return False
        return True

    def _escaped(self, error: Exception) -> None:
        """Tell what a handler has not: whoever has pressed a button is to see that nothing has come of it."""
        if isinstance(error, UseCaseError):
            self.tell(error)
        else:
            self.say("Something is wrong with the server; its log says what.", bad=True)

    async def watch(self) -> None:
        """Send somebody to log in again once their session has ended: what they still see is not theirs any more."""
        while True:
            await asyncio.sleep(SEEN_TO_EVERY)
            with suppress(Unavailable):
                fresh = await self.usecases.login.refreshed(self.actor)
                if fresh is None or fresh.role != self.actor.role:
                    silence(self.client)
                    self.end(but=asyncio.current_task())
                    self.client.run_javascript("location.reload()")
                    return

    def end(self, but: asyncio.Task[None] | None = None) -> None:
        """Do no more of what is live, but for one task: nobody looks any more, or the database is about to close."""
        for task in self._tasks:
            if task is not but:
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a page has stopped being live", path=self.request.url.path, exc_info=error)


def _told_at(fields: dict[str, Field], name: str | None, message: str) -> bool:
    field = fields.get((name or "").rstrip("_")) or fields.get(f"{name}_")
    if field is None:
        return False
    field.fault = f"{field.fault} {sentence(message)}".strip()
    return True
