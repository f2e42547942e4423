"""The stream of events of a node: made while somebody reads, kept for a while for whoever comes back.

What nobody reads costs whoever would tell of it one ``if stream.is_heard``. Events are made, and the last ones kept,
from the moment somebody reads until a minute after the last reader has gone: so a reader whose connection broke, or who
was started again, misses none of them, and nobody pays for what nobody has asked for.

Whoever tells of something waits for no more than a note of it. The notes of some milliseconds are written together,
once for all readers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog

from sipwright.control.protocol import write_lost
from sipwright.printable import printable
from sipwright.services.ports import CallLater, TimerHandle

__all__ = ["EventReader", "EventStream"]

log = structlog.get_logger(__name__)

MOST_KEPT = 4_096
"""Events that are kept for readers who come back."""

LONGEST_VALUE = 200
"""Characters of a value in an event."""

KEPT_FOR = 60.0
"""Seconds for which events are made after the last reader has gone."""

GATHER = 0.02
"""Seconds for which events wait so that many of them go to a reader at once."""

RESERVED = 3_600_000_000
"""How many ids are set aside at once, one for each microsecond: what is set aside is never used again."""


class EventReader(Protocol):
    """Who is told of events."""

    def take(self, lines: list[bytes]) -> None:
        """Take the next ones, each a line."""


class EventRelay(Protocol):
    """Who tells other nodes of the events of this one."""

    def take(self, lines: list[bytes]) -> None:
        """Take the next ones."""


class EventStream:
    """Makes events, and hands them to whoever reads; `is_heard` says whether it is worth telling it anything."""

    def __init__(
        self, node: str, *, clock: Callable[[], float], call_later: CallLater,
        user_name: Callable[[int], str | None] = lambda user_id: None, memory: Path | None = None,
    ) -> None:  # fmt: skip
        """Make one.

        Args:
            node: Whose events they are.
            clock: Unix time.
            call_later: As of the event loop.
            user_name: Returns the name of a user.
            memory: The file that says which ids earlier processes may have used.
        """
        self.is_heard = False
        self.heard_since = 0.0
        self._node = node
        self._clock = clock
        self._call_later = call_later
        self._user_name = user_name
        self._memory = memory
        self._last = self._reserved = _read(memory)
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=MOST_KEPT)
        self._forgotten = self._told = 0
        self._fresh: list[_Note] = []
        self._readers: list[EventReader] = []
        self._relay: EventRelay | None = None
        self._flushing: TimerHandle | None = None
        self._resting: TimerHandle | None = None
        self.on_heard: Callable[[bool], object] = bool
        """Is told when somebody begins to read, and when nobody does any more."""

    def __len__(self) -> int:
        return len(self._readers)

    @property
    def last_id(self) -> str:
        """The id of the last event that was handed out, or one that is below those of all that come."""
        return _text(self._told)

    @property
    def known_since(self) -> str:
        """The id of the last event that is not kept any more: whoever has seen that one has missed nothing."""
        return _text(self._forgotten)

    def tell(self, kind: str, user: int | str | None, call: str | None, data: Mapping[str, Any]) -> None:
        """Tell of something that has happened; to be called while `is_heard`."""
        now = self._clock()
        self._last = number = max(self._last + 1, int(now * 1_000_000))
        if number >= self._reserved:
            self._reserve()
        self._fresh.append((number, now, kind, user, call, data, None))
        if self._flushing is None:
            self._flushing = self._call_later(GATHER, self._flush)

    def tell_of(self, event: Mapping[str, Any]) -> None:
        """Tell those who read here of an event of another node, under an id of this one; if anybody does."""
        if self.is_heard:
            self._last = number = max(self._last + 1, int(self._clock() * 1_000_000))
            if number >= self._reserved:
                self._reserve()
            about = event["type"], event["user"], event["call"], event["data"], event["node"]
            self._fresh.append((number, event["at"], *about))
            if self._flushing is None:
                self._flushing = self._call_later(GATHER, self._flush)

    def tell_lost(self) -> None:
        """Tell those who read here that events of other nodes are missing, nobody knows how many."""
        self._flush_now()
        for reader in self._readers:
            reader.take([write_lost(None)])

    def _flush(self) -> None:
        self._flushing = None
        notes, self._fresh = self._fresh, []
        self._told = self._last
        lines, own = [], []
        for note in notes:
            line = self._line(note)
            lines.append(line)
            if note[6] is None:
                own.append(line)
            if len(self._kept) == MOST_KEPT:
                self._forgotten = self._kept[0][0]
            self._kept.append((note[0], line))
        for reader in self._readers:
            reader.take(lines)
        if own and self._relay is not None:
            self._relay.take(own)

    def _line(self, note: _Note) -> bytes:
        number, at, kind, user, call, data, node = note
        name = self._user_name(user) if isinstance(user, int) else user
        event = {
            "id": _text(number), "type": kind, "at": at, "node": node or self._node, "user": name, "call": call,
            "data": _shown(data),
        }  # fmt: skip
        return orjson.dumps({"event": event}, option=orjson.OPT_APPEND_NEWLINE)

    def join(self, reader: EventReader, after: str | None) -> tuple[list[bytes], bool]:
        """Let somebody read; returns the events since the one called `after`, and whether that is all of them."""
        self._flush_now()
        self._hear()
        self._readers.append(reader)
        if after is None:
            return [], True
        seen = int(after) if after.isascii() and after.isdigit() else 0
        # What begins to be told now goes to all readers soon, this one too.
        return [line for number, line in self._kept if seen < number <= self._told], seen >= self._forgotten

    def relay(self, relay: EventRelay | None) -> None:
        """Let somebody tell other nodes of the events of this one, or nobody any more."""
        self._flush_now()
        self._relay = relay
        if relay is not None:
            self._hear()
        else:
            self._rest_soon()

    def _hear(self) -> None:
        if not self.is_heard:
            self.is_heard, self.heard_since = True, self._clock()
            # Whatever happened while nobody listened is known to nobody.
            self._last = self._forgotten = self._told = max(self._last + 1, int(self.heard_since * 1_000_000))
            if self._last >= self._reserved:
                self._reserve()
            self.on_heard(True)
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def leave(self, reader: EventReader) -> None:
        """Let somebody read no more."""
        if reader in self._readers:
            self._readers.remove(reader)
            self._rest_soon()

    def _rest_soon(self) -> None:
        if not self._readers and self._relay is None and self._resting is None:
            self._resting = self._call_later(KEPT_FOR, self._rest)

    def close(self) -> None:
        """Tell what is still to be told, and nothing more."""
        self._flush_now()
        self._rest()

    def _flush_now(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()

    def _rest(self) -> None:
        if self.is_heard:
            self.is_heard = False
            self.on_heard(False)
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        self._fresh.clear()
        self._kept.clear()

    def _reserve(self) -> None:
        """Set the ids of the next hour aside: those of any later process are above, whatever its clock says."""
        self._reserved = self._last + RESERVED
        if self._memory is None:
            return
        try:
            fresh = self._memory.with_suffix(".new")
            fresh.write_text(_text(self._reserved))
            os.replace(fresh, self._memory)
        except OSError as error:
            log.warning("ids of events may come again after a restart", error=str(error))


def _read(memory: Path | None) -> int:
    try:
        return 0 if memory is None else int(memory.read_text())
    except (OSError, ValueError):
        return 0


def _text(number: int) -> str:
    return f"{number:017}"


_Note = tuple[int, float, str, int | str | None, str | None, Mapping[str, Any], str | None]
"""What is to be told: its number, when it happened, its type, whose it is, the call, its data, the node if another."""


def _shown(data: Mapping[str, Any]) -> dict[str, Any]:
    shown = {}
    for name, value in data.items():
        kind = type(value)
        if kind is str and value.isascii() and value.isprintable() and len(value) <= LONGEST_VALUE:
            shown[name] = value
        elif value is not None:
            shown[name] = value if kind in _PLAIN else _cut(value)
    return shown


_PLAIN = frozenset({bool, int, float})


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, LONGEST_VALUE)
    return [_cut(each) for each in value[:10]] if isinstance(value, (list, tuple)) else value
