"""One tap on every message, both ways: traces, ladders and packet logs listen here.

The transports call the tap with the bytes as they were on the wire; nobody listening costs one test.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from sipwright.transport.flow import Flow

Direction = Literal["in", "out"]
Listener = Callable[[Direction, float, Flow, bytes], None]
"""Called with the direction, the Unix time, the flow and the bytes; it must not raise, and be quick."""


class Tap:
    """The listeners. Transports test `listeners` before they call `emit`."""

    __slots__ = ("_clock", "listeners")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.listeners: tuple[Listener, ...] = ()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Add a listener and return the function that removes it again."""
        self.listeners += (listener,)

        def stop() -> None:
            self.listeners = tuple(other for other in self.listeners if other is not listener)

        return stop

    def emit(self, direction: Direction, flow: Flow, data: bytes) -> None:
        """Tell every listener."""
        unix_time = self._clock()
        for listener in self.listeners:
            listener(direction, unix_time, flow, data)
