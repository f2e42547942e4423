"""`/events`: what happens as it happens, as server-sent events or over a WebSocket.

Nothing is kept here for a reader that is slow: what it does not take waits in the switch, which forgets the oldest of
it and tells how many those were. Whoever may not look any more, or may see less, is let go: at once where that was
decided in this process, elsewhere within two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

import orjson
from fastapi import Header, Query, WebSocket
from starlette.requests import HTTPConnection, Request
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from sipwright.control.events import Event
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Unavailable, UseCaseError
from sipwright.usecases.usecases import UseCases
from sipwright.web.api.identity import Asking, Uses, actor_of, usecases_of
from sipwright.web.api.route import check_query, resource
from sipwright.web.errors import answer_of
from sipwright.web.problems import Problem

__all__ = ["router"]

router = resource(tags=["events"])

KEEP_ALIVE = 15.0
LOOK_AGAIN = 1.0
"""Seconds for which nobody asks whether a reader still may, which costs nothing where nothing was revoked."""

Types = Annotated[
    list[str] | None, Query(description="Only these types, each on its own or with commas.", max_length=100)
]
Words = Annotated[
    str | None,
    Query(description="A filter such as `event call and user alice and regex 503`.", max_length=1000),
]
_EXAMPLE = (
    'id: node1-17\nevent: call.started\ndata: {"id":"node1-17","type":"call.started","at":"2026-11-29T08:00:00.000Z",'
    '"node":"node1","user":"alice","call":"c1a2b3","data":{"from":"alice@example.org","to":"bob@example.org",'
    '"direction":"out","account":"alice@example.org"}}\n\n'
)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
    },
)
async def follow_events(
    actor: Asking, uses: Uses, request: Request, types: Types = None, q: Words = None,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> StreamingResponse:  # fmt: skip
    """Follow what happens: an admin all of it, everybody else what is theirs; `Last-Event-ID` goes on after that."""
    events = _Stream(request, uses, actor, types, q, last_event_id)
    await events.begin()
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingResponse(_lines(events), media_type="text/event-stream", headers=headers)


@router.websocket("/events/ws")
async def events_socket(
    socket: WebSocket, types: Types = None, q: Words = None, after: str | None = None
) -> None:
    """Follow what happens over a WebSocket: a text of JSON for each event.

    A browser can set no header of one, so that `after` is for it what `Last-Event-ID` is for others.
    """
    after = after or socket.headers.get("last-event-id")
    try:
        _check_origin(socket)
        actor = await actor_of(socket)
        check_query(socket, {"types": True, "q": False, "after": False})
        events = _Stream(socket, usecases_of(socket), actor, types, q, after)
        await events.begin()
    except (Problem, UseCaseError) as error:
        await socket.send_denial_response(answer_of(error))
        return
    await socket.accept()
    reading = asyncio.create_task(_until_gone(socket))
    sending = asyncio.create_task(_send(socket, events))
    try:
        await asyncio.wait([reading, sending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, sending):
            task.cancel()
        await asyncio.gather(reading, sending, return_exceptions=True)
        await events.close()


async def _send(socket: WebSocket, events: _Stream) -> None:
    async for event in events:
        if event is not None:
            await socket.send_text(orjson.dumps(event.shown()).decode())
    await socket.close(1001)


async def _until_gone(socket: WebSocket) -> None:
    """Read what nobody has asked for, until the other side has gone."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, KeyError, RuntimeError):
        return


def _check_origin(socket: WebSocket) -> None:
    """Let no other site read with the cookie of somebody who looks at it.

    Raises:
        Problem: The page that asks is not one of ours.
    """
    origin = socket.headers.get("origin")
    if origin is None:
        return
    if origin.partition("://")[2] != socket.headers.get("host"):
        raise Problem(403, "that page is not of this switch, so it may not read its events")


class _Stream:
    """The events for one reader: now and then None, so that the connection does not seem dead."""

    def __init__(
        self, connection: HTTPConnection, uses: UseCases, actor: Actor, types: list[str] | None, q: str | None,
        after: str | None,
    ) -> None:  # fmt: skip
        wanted = [one.strip() for some in types or () for one in some.split(",") if one.strip()]
        self._closing: asyncio.Event = connection.app.state.closing
        self._login = uses.login
        self._actor = actor
        self._events = uses.events.follow(actor, types=wanted, q=q, after=after)
        self._next: asyncio.Task[Event] | None = None
        self._now = asyncio.get_running_loop().time
        self._looked_at = self._said_at = self._now()
        self._revoked = uses.login.revoked

    async def begin(self) -> None:
        """Begin, so that what is wrong with the wish is told before the answer begins.

        Raises:
            UseCaseError: The filter or a type is none.
        """
        self._next = asyncio.create_task(anext(self._events))
        await asyncio.wait([self._next], timeout=0.05)
        if self._next.done() and self._next.exception() is not None:
            self._next.result()

    async def __aiter__(self) -> AsyncIterator[Event | None]:
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not closing.done():
                if self._next is None:
                    self._next = asyncio.create_task(anext(self._events))
                await asyncio.wait(
                    [self._next, closing], timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
                )
                if not await self._still_may():
                    return
                if not self._next.done():
                    if self._has_been_quiet():
                        yield None
                    continue
                done, self._next = self._next, None
                self._said_at = self._now()
                try:
                    yield done.result()
                except StopAsyncIteration:
                    return
        finally:
            closing.cancel()

    def _has_been_quiet(self) -> bool:
        """Return whether it is time for a sign of life."""
        if self._now() - self._said_at < KEEP_ALIVE:
            return False
        self._said_at = self._now()
        return True

    async def _still_may(self) -> bool:
        """Return whether who reads has the rights that they began with; a database that is away ends nothing."""
        if self._login.revoked == self._revoked and self._now() - self._looked_at < LOOK_AGAIN:
            return True
        self._revoked, self._looked_at = self._login.revoked, self._now()
        with suppress(Unavailable):
            found = await self._login.refreshed(self._actor)
            return found is not None and (found.role, found.scopes) == (self._actor.role, self._actor.scopes)
        return True

    async def close(self) -> None:
        """Follow no more."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._events.aclose()


async def _lines(events: _Stream) -> AsyncIterator[bytes]:
    """Write events as a browser's EventSource reads them (HTML, 9.2.6)."""
    yield b": events of Sipwright\n\n"
    try:
        async for event in events:
            yield b": still here\n\n" if event is None else _line(event)
    finally:
        await events.close()


def _line(event: Event) -> bytes:
    said = orjson.dumps(event.shown())
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.type.encode(), said)
