"""Keeps what is said on the wire for a call, so that `sipwright trace` can draw it later.

It listens on the stack's tap only while a call is recorded: with the default, `calls = "scripted"`, a switch
whose calls run no script never gets here. A message belongs to a call by its Call-ID. What was heard is put
into the database once a second, one row for each call that said something, so a crash costs the pictures of a
second and never a call.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Literal, Protocol

import structlog

from sipwright.services.switch import Call, Leg
from sipwright.sip import Reject
from sipwright.store.messages import Message, pack
from sipwright.transport import Flow
from sipwright.transport.tap import Tap

__all__ = ["Recorder", "Which"]

log = structlog.get_logger(__name__)

Which = Literal["scripted", "all", "off"]

FLUSH_AFTER = 1.0
"""How long what was heard waits to be written, in seconds; a call that is over is listened to for as long."""

TICK = 0.05
"""How often what is due is looked for: little at a time, so that no message waits for it."""

MOST_BYTES = 65_536
"""What one call may say within a second and still be kept: more is a loop or an attack, not a call."""

_USUAL = b"\r\nCall-ID: "
_ANY = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""


class Writer(Protocol):
    """The store's writer."""

    def put(self, kind: str, key: Hashable, row: tuple[Any, ...] | None) -> None:
        """Write a row."""


class Recording:
    """One call: the Call-IDs of its legs, and what was heard and is not written yet."""

    __slots__ = ("call_id", "heard", "messages_left", "room", "sip_call_ids")

    def __init__(self, call_id: str, most_messages: int) -> None:
        self.call_id = call_id
        self.sip_call_ids: list[bytes] = []
        self.heard: list[Message] = []
        self.room = MOST_BYTES
        self.messages_left = most_messages


class Recorder:
    """Records the calls that the setting names; the switch tells it of calls and of their legs."""

    def __init__(
        self,
        tap: Tap,
        writer: Writer,
        which: Which,
        *,
        call_later: Callable[[float, Callable[[], None]], Timer],
        clock: Callable[[], float] = time.time,
        most_messages: int = 1000,
    ) -> None:
        """Get ready.

        Args:
            tap: Where the stack's messages are heard.
            writer: Where rows go.
            which: The calls that are recorded.
            call_later: As of the event loop.
            clock: Unix time.
            most_messages: How many messages of one call are kept.
        """
        self._tap = tap
        self._writer = writer
        self._which = which
        self._call_later = call_later
        self._clock = clock
        self._most_messages = most_messages
        self._recordings: dict[str, Recording] = {}
        self._by_sip_call_id: dict[bytes, tuple[Recording, ...]] = {}
        self._unwritten: deque[tuple[float, Recording]] = deque()
        self._over: deque[tuple[float, Recording]] = deque()
        self._stop_listening: Callable[[], None] | None = None
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._recordings)

    def close(self) -> None:
        """Write what was heard, and stop listening."""
        for _, recording in self._unwritten:
            self._write(recording)
        self._unwritten.clear()
        self._rest()

    # What the switch tells.

    def call_begins(self, call: Call, *, is_scripted: bool) -> None:
        """Record a call, if it is one to record.

        The INVITE that began it was heard before this was known, so it is taken from the call; a call of an earlier
        process is recorded from here on.
        """
        if self._which == "off" or (self._which == "scripted" and not is_scripted):
            return
        recording = self._recordings[call.id] = Recording(call.id, self._most_messages)
        if self._stop_listening is None:
            self._stop_listening = self._tap.listen(self._hear)
        invite, flow = call.caller.invite, call.caller.flow
        if call.caller.told is None and invite is not None and flow is not None:
            self._keep(recording, "in", self._clock(), flow, bytes(invite))
        for leg in (call.caller, *call.legs):
            self.leg_begins(leg)

    def leg_begins(self, leg: Leg) -> None:
        """Hear the messages of one more leg."""
        recording = self._recordings.get(leg.call.id)
        if recording is not None:
            sip_call_id = leg.sip_call_id.encode("utf-8", "surrogateescape")
            recording.sip_call_ids.append(sip_call_id)
            # A call from one account of this switch to another is two calls with one leg in common.
            others = self._by_sip_call_id.get(sip_call_id, ())
            self._by_sip_call_id[sip_call_id] = (*others, recording)

    def call_ends(self, call: Call) -> None:
        """Listen for what comes after, such as the last ACK, and then forget the call."""
        recording = self._recordings.get(call.id)
        if recording is not None:
            self._over.append((self._clock() + FLUSH_AFTER, recording))
            self._arm()

    # What the tap tells.

    def _hear(self, direction: Literal["in", "out"], at: float, flow: Flow, data: bytes) -> None:
        start = data.find(_USUAL)
        if start >= 0:
            start += 11
            sip_call_id = data[start : data.find(b"\r", start)]
        else:
            match = _ANY.search(data)
            if match is None:
                return
            sip_call_id = match[1]
        for recording in self._by_sip_call_id.get(sip_call_id, ()):
            self._keep(recording, direction, at, flow, data)

    def _keep(self, recording: Recording, direction: str, at: float, flow: Flow, data: bytes) -> None:
        if recording.messages_left <= 0 or recording.room < len(data):
            return
        recording.messages_left -= 1
        recording.room -= len(data)
        if not recording.heard:
            self._unwritten.append((at + FLUSH_AFTER, recording))
            self._arm()
        recording.heard.append(Message(at, direction, flow.key, data))

    # Time.

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(FLUSH_AFTER, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        unwritten, over = self._unwritten, self._over
        while unwritten and unwritten[0][0] <= now:
            self._write(unwritten.popleft()[1])
        while over and over[0][0] <= now:
            self._forget(over.popleft()[1])
        if unwritten or over:
            due = min(queue[0][0] for queue in (unwritten, over) if queue)
            self._timer = self._call_later(max(TICK, due - now), self._tick)
        elif not self._recordings:
            self._rest()

    def _write(self, recording: Recording) -> None:
        heard, recording.heard, recording.room = recording.heard, [], MOST_BYTES
        if not heard:
            return
        row = (recording.call_id, heard[0].at, pack(heard))
        try:
            self._writer.put("messages", row[:2], row)
        except Reject:  # the database is away and its queue is full: calls matter more than their pictures
            log.warning("messages not kept", call=recording.call_id, messages=len(heard))

    def _forget(self, recording: Recording) -> None:
        self._write(recording)
        del self._recordings[recording.call_id]
        for sip_call_id in recording.sip_call_ids:
            others = tuple(one for one in self._by_sip_call_id[sip_call_id] if one is not recording)
            if others:
                self._by_sip_call_id[sip_call_id] = others
            else:
                del self._by_sip_call_id[sip_call_id]

    def _rest(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
