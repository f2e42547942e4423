"""The connections of the HTTP server: how many there may be, and for how long each may keep us waiting.

Over the bound, the connection that has waited longest without a request that is being answered gives way; where all
are being answered, the new one is refused. A client has so many seconds for the head of a request, for its body, and
to take what it is sent, however it spreads its bytes over them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sipwright.web.problems import problem
from sipwright.web.sip_door import SipDoor

__all__ = ["BoundedConnection", "Connections", "Place"]

HEAD_WITHIN = 10.0
BODY_WITHIN = 30.0
TAKEN_WITHIN = 60.0
KEPT_FOR = 30.0


class Place:
    """One connection among those that there may be; it is given up when `release` is called."""

    def __init__(self, connections: Connections, close: Callable[[], object]) -> None:
        self._connections = connections
        self.close = close

    def is_waiting(self, waits: bool) -> None:
        """Say whether the client has to do something next: then it may have to give way."""
        self._connections.set_waiting(self, waits)

    def release(self) -> None:
        """Say that the connection has ended."""
        self._connections.release(self)


class Connections:
    """How many connections there are, and which of them can give way: the first has waited longest."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.refused = 0
        self._places: set[Place] = set()
        self._waiting: dict[Place, None] = {}

    def __len__(self) -> int:
        return len(self._places)

    def take(self, close: Callable[[], object]) -> Place | None:
        """Return a place for a new connection, None when nobody can give way to it."""
        if len(self._places) >= self.most:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                self.refused += 1
                return None
            self.release(oldest)
            oldest.close()
        place = Place(self, close)
        self._places.add(place)
        self._waiting[place] = None
        return place

    def set_waiting(self, place: Place, waits: bool) -> None:
        """Note whether a connection can give way."""
        if not waits:
            self._waiting.pop(place, None)
        elif place in self._places:
            self._waiting.setdefault(place)

    def release(self, place: Place) -> None:
        """Forget a connection."""
        self._places.discard(place)
        self._waiting.pop(place, None)


class BoundedConnection(H11Protocol):
    """An HTTP connection whose client is not waited for without end."""

    def __init__(self, *, place: Place, sip: SipDoor | None = None, **given: Any) -> None:
        """Take a place; `sip` takes the WebSockets of phones."""
        super().__init__(**given)
        self._sip = sip
        self._place = place
        self._waits_for: object = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # always one of those
        """Wait for the head of a request."""
        super().connection_made(transport)
        self._place.close = transport.abort
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place."""
        self._place.release()
        self._stop(self._timer)
        self._stop(self._stalled)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the time that there is for it."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request: for its first byte by uvicorn's own clock, for the rest by ours."""
        self._waits_for = None
        self._stop(self._timer)
        self._place.is_waiting(True)
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:  # it had come already
            self._look()

    def pause_writing(self) -> None:
        """Give the client some time to take what waits for it."""
        super().pause_writing()
        self._stop(self._stalled)
        self._stalled = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, as the client has taken enough."""
        self._stop(self._stalled)
        super().resume_writing()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on, together with its place."""
        if self._sip is not None and self._sip.takes(event):
            self._stop(self._timer)
            self._place.is_waiting(False)
            self.connections.discard(self)
            self._sip.take(self.transport, event, self.conn.trailing_data[0], self._place)
            return
        super().handle_websocket_upgrade(event)
        self._stop(self._timer)
        self._place.is_waiting(False)
        protocol = self.transport.get_protocol()
        if isinstance(protocol, PlacedWebSocket):
            protocol.place = self._place

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of all refusals."""
        head, body = problem(400, "the request is not HTTP/1.1 as RFC 9112 has it")
        answer = h11.Response(
            status_code=400, headers=[*head, (b"connection", b"close")], reason=b"Bad Request"
        )
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for part in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _look(self) -> None:
        """See what the client has to send next, and begin to count."""
        theirs = self.conn.their_state
        if self.transport.get_protocol() is not self:
            return
        waits_for = theirs if theirs in (h11.IDLE, h11.SEND_BODY) else None
        if waits_for is self._waits_for:
            return
        self._waits_for = waits_for
        self._stop(self._timer)
        self._place.is_waiting(waits_for is not None)
        if waits_for is not None:
            within = HEAD_WITHIN if waits_for is h11.IDLE else BODY_WITHIN
            self._timer = self.loop.call_later(within, self._expire)

    def _expire(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort() if self._waits_for is h11.SEND_BODY else self.transport.close()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class PlacedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that gives up its place when it ends."""

    place: Place | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place."""
        if self.place is not None:
            self.place.release()
        super().connection_lost(exc)
