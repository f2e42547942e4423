"""The events of the switch for all readers of a process: read once for all, and only while there are any.

What a switch keeps for those who come back is kept here as well, from the first reader on: so whoever comes back is
served without asking the switch, and one more reader costs the switch nothing. When the last reader has gone it is read
for a little while on, as a page that is left is often followed by another.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from sipwright.control.events import LOST, Event
from sipwright.control.notes import events_of
from sipwright.errors import UserError

__all__ = ["SharedEvents"]

MOST_KEPT = 4_096
"""Events that a reader may be behind, or have been away for; then it loses the oldest."""

LINGER = 5.0
"""Seconds for which the events are read on after the last reader has gone."""

RETRY = 0.5
"""Seconds until a switch that is away is looked for again."""

AT_ONCE = 100
"""Events that one reader takes before others have a turn."""


class SharedEvents:
    """Follows the switch for all who `follow` here; `close` ends that at once."""

    def __init__(self, listen: Callable[[str], AsyncGenerator[dict[str, Any]]]) -> None:
        """Get ready; `listen` gives what a switch says after the request for its events since the one with that id."""
        self._listen = listen
        self._readers = 0
        self._reading: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._is_there = asyncio.Event()
        self._forget_events()

    def __len__(self) -> int:
        return self._readers

    async def follow(self, after: str | None = None) -> AsyncGenerator[Event]:
        """Give the events from now on, or those since the one with the id `after`, for ever."""
        self._join()
        try:
            at, is_whole = await self._place_of(after)
            last = after or self._last
            if not is_whole:
                yield Event.lost(None, last, time.time())
            while True:
                if at >= self._count:
                    await self._more.wait()
                elif (missed := self._count - len(self._kept) - at) > 0:
                    at += missed
                    yield Event.lost(missed, last, time.time())
                else:
                    event = self._kept[at - self._count]
                    at, last = at + 1, event.id
                    yield event
                    if at % AT_ONCE == 0:
                        await asyncio.sleep(0)
        finally:
            self._leave()

    def close(self) -> None:
        """Follow no more."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    # Readers.

    def _join(self) -> None:
        self._readers += 1
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._reading is None:
            self._is_there = asyncio.Event()
            self._reading = asyncio.get_running_loop().create_task(self._read(), name="events")

    def _leave(self) -> None:
        self._readers -= 1
        if not self._readers and self._reading is not None:
            self._resting = asyncio.get_running_loop().call_later(LINGER, self.close)

    async def _place_of(self, after: str | None) -> tuple[int, bool]:
        """Return the number of the first event for a reader, and whether none is missing before it."""
        now = self._count
        if not self._is_there.is_set():
            await self._is_there.wait()
            now = self._present
        if after is None:
            return now, True
        seen = int(after) if after.isascii() and after.isdigit() else 0
        place = self._count
        for event in reversed(self._kept):
            number = int(event.id)
            if number < seen or (number == seen and event.type != LOST):
                break
            place -= 1
        return place, seen >= self._known_since

    # The switch.

    def _forget_events(self) -> None:
        self._kept: deque[Event] = deque(maxlen=MOST_KEPT)
        self._count = self._present = 0
        """How many have come, and how many of them are older than all readers."""
        self._known_since, self._last = 0, ""
        self._is_cut = False
        self._more = asyncio.Event()

    async def _read(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (UserError, ValueError):
                await asyncio.sleep(RETRY)  # it is away, or has no room for us

    async def _listen_once(self) -> None:
        """Take what a switch tells until it is away; the first time all that it has kept, and then what is new."""
        newest = 0
        is_there = was_there = self._is_there.is_set()
        async with aclosing(self._listen(self._last if is_there else "0")) as lines:
            async for said in lines:
                if said.get("lost", 0) is None and not was_there:
                    continue  # of course there was something before all that is kept
                if is_there:
                    self._take_news(said)
                    continue
                if "answer" in said:
                    newest = self._begin(**said["answer"])
                elif "lost" in said:
                    self._is_cut = True  # there was more than goes through at once
                else:
                    self._take_old(events_of(said))
                if int(self._last) >= newest:
                    is_there, self._present = True, self._count
                    self._is_there.set()

    def _begin(self, last: str, since: str) -> int:
        """Begin to take what a switch has kept, which is all `since` that event; returns the number of the last one."""
        self._forget_events()
        self._last, self._known_since = since, int(since)
        return int(last)

    def _take_old(self, events: list[Event]) -> None:
        if self._is_cut and events:
            self._is_cut, self._known_since = False, int(events[0].id) - 1
        self._take(events)

    def _take_news(self, said: dict[str, Any]) -> None:
        if "lost" in said:
            self._take([Event.lost(said["lost"], self._last, time.time())])
        else:
            self._take(events_of(said))

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if len(self._kept) == self._kept.maxlen:
                self._known_since = int(self._kept[0].id)
            self._kept.append(event)
            self._count += 1
            self._last = event.id
        more, self._more = self._more, asyncio.Event()
        more.set()
