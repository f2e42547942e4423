"""The stream of events of a node: made while somebody reads, kept for a while for whoever comes back.

What nobody reads costs whoever would tell of it one ``if stream.is_heard``. Events are made, and the last ones kept,
from the moment somebody reads until a minute after the last reader has gone: so a reader whose connection broke, or who
was started again, misses none of them, and nobody pays for what nobody has asked for.

Whoever tells of something waits for no more than a note of it. The notes of some milliseconds are written together,
once for all readers, and get their ids then. A reader that does not take notes is told of each event as such.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import structlog

from sipwright.control.notes import AT_ONCE, Note, Sketch, shown, write_events, write_notes
from sipwright.control.protocol import write_lost
from sipwright.services.ports import CallLater, TimerHandle

__all__ = ["EventReader", "EventStream", "Told"]

log = structlog.get_logger(__name__)

MOST_KEPT = 4_096
"""Events that are kept for readers who come back."""

KEPT_FOR = 60.0
"""Seconds for which events are made after the last reader has gone."""

GATHER = 0.02
"""Seconds for which events wait so that many of them go to a reader at once."""

RESERVED = 3_600_000_000
"""How many ids are set aside at once, one for each microsecond: what is set aside is never used again."""


class Told(NamedTuple):
    """A line that readers are told, and of how many events it tells."""

    line: bytes
    events: int


class EventReader(Protocol):
    """Who is told of events: a face, or who tells other nodes of those of this one."""

    @property
    def takes_notes(self) -> bool:
        """Whether it can read notes, many to a line."""

    def take(self, told: list[Told]) -> None:
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
        self._memory = memory
        self._last = self._reserved = _read(memory)
        self._forgotten = 0
        self._kept_ids: deque[int] = deque(maxlen=MOST_KEPT)
        self._kept: deque[Note] = deque(maxlen=MOST_KEPT)
        self._fresh: list[Note] = []
        self._names = _Names(user_name)
        self._readers: list[EventReader] = []
        self._relay: EventReader | None = None
        self._flushing: TimerHandle | None = None
        self._resting: TimerHandle | None = None
        self.on_heard: Callable[[bool], object] = bool
        """Is told when somebody begins to read, and when nobody does any more."""

    def __len__(self) -> int:
        return len(self._readers)

    @property
    def last_id(self) -> str:
        """The id of the last event that was handed out, or one that is below those of all that come."""
        return _text(self._last)

    @property
    def known_since(self) -> str:
        """The id of the last event that is not kept any more: whoever has seen that one has missed nothing."""
        return _text(self._forgotten)

    def tell(
        self, kind: str, user: int | str | None, call: str | None, data: Mapping[str, Any] | Sketch
    ) -> None:
        """Tell of something that has happened; to be called while `is_heard`."""
        name = self._names[user] if isinstance(user, int) else user
        said = data if isinstance(data, tuple) else shown(data)
        self._fresh.append((kind, self._clock(), name, call, said, None))
        if self._flushing is None:
            self._flushing = self._call_later(GATHER, self._flush)

    def tell_of(self, notes: Iterable[Note]) -> None:
        """Tell those who read here of events of another node, under ids of this one; if anybody does."""
        if self.is_heard:
            self._fresh += notes
            if self._flushing is None:
                self._flushing = self._call_later(GATHER, self._flush)

    def tell_lost(self) -> None:
        """Tell those who read here that events of other nodes are missing, nobody knows how many."""
        self._flush_now()
        for reader in self._readers:
            reader.take([Told(write_lost(None), 0)])

    def _flush(self) -> None:
        self._flushing = None
        notes, self._fresh = self._fresh, []
        if not notes:
            return
        self._names.clear()
        ids = self._next_ids(len(notes))
        self._keep(ids, notes)
        written: dict[bool, list[Told]] = {}
        for reader in self._readers:
            form = reader.takes_notes
            if form not in written:
                written[form] = self._written(ids, notes, as_notes=form)
            reader.take(written[form])
        if self._relay is not None:
            own = [note[5] is None for note in notes]
            if any(own):
                mine, those = [*compress(ids, own)], [*compress(notes, own)]
                self._relay.take(self._written(mine, those, as_notes=self._relay.takes_notes))

    def _next_ids(self, count: int) -> range:
        first = max(self._last + 1, int(self._clock() * 1_000_000))
        self._last = first + count - 1
        if self._last >= self._reserved:
            self._reserve()
        return range(first, first + count)

    def _keep(self, ids: range, notes: list[Note]) -> None:
        """Keep events for those who come back; the oldest make room."""
        kept = self._kept_ids
        going = len(kept) + len(ids) - MOST_KEPT
        if going > 0:
            self._forgotten = kept[going - 1] if going <= len(kept) else ids[going - len(kept) - 1]
        kept.extend(ids)
        self._kept.extend(notes)

    def _written(self, ids: Sequence[int], notes: Sequence[Note], *, as_notes: bool) -> list[Told]:
        if not as_notes:
            return [Told(line, 1) for line in write_events(self._node, ids, notes)]
        told = []
        for at in range(0, len(notes), AT_ONCE):
            some = notes[at : at + AT_ONCE]
            told.append(Told(write_notes(self._node, ids[at : at + AT_ONCE], some), len(some)))
        return told

    def join(self, reader: EventReader, after: str | None) -> tuple[list[Told], bool]:
        """Let somebody read; returns the events since the one called `after`, and whether that is all of them."""
        self._flush_now()
        self._hear()
        self._readers.append(reader)
        if after is None:
            return [], True
        seen = int(after) if after.isascii() and after.isdigit() else 0
        missed = sum(seen < number for number in self._kept_ids)
        begin = len(self._kept) - missed
        ids, notes = list(self._kept_ids)[begin:], list(self._kept)[begin:]
        return self._written(ids, notes, as_notes=reader.takes_notes), seen >= self._forgotten

    def relay(self, relay: EventReader | None) -> None:
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
            self._last = self._forgotten = max(self._last + 1, int(self.heard_since * 1_000_000))
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
        for each in (self._fresh, self._kept, self._kept_ids, self._names):
            each.clear()

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


class _Names(dict[int, str | None]):
    """What users are called, each of whom is asked for once, until all are forgotten with the next line."""

    def __init__(self, user_name: Callable[[int], str | None]) -> None:
        self._user_name = user_name

    def __missing__(self, user_id: int) -> str | None:
        name = self[user_id] = self._user_name(user_id)
        return name


def _read(memory: Path | None) -> int:
    try:
        return 0 if memory is None else int(memory.read_text())
    except (OSError, ValueError):
        return 0


def _text(number: int) -> str:
    return f"{number:017}"
