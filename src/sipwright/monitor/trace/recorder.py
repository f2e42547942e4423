"""Keeps what is said on the wire for a call, so that `sipwright trace` can draw it later.

It listens on the stack's tap only while a call is recorded: with the default, `calls = "scripted"`, a switch
whose calls run no script never gets here. A message belongs to a call by its Call-ID. Whose it is, is found out for
some together, which costs less for each than while it is handled. What was heard is put into the database once a
second, or as soon as there is much of it, in one row for all calls that said something: so a crash costs the pictures
of a second and never a call.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

import structlog

from sipwright.services.ports import CallLater, TimerHandle, Writer
from sipwright.services.switch import Call, Leg
from sipwright.sip import Reject
from sipwright.stack import Incoming
from sipwright.store.history.trace_messages import pack, restart_mark
from sipwright.transport import Flow
from sipwright.transport.tap import Tap

from .before_the_call import EarlyMessages

__all__ = ["Recorder", "Which"]

log = structlog.get_logger(__name__)

Which = Literal["scripted", "all", "off"]

FLUSH_AFTER = 1.0
"""Seconds that what was heard waits to be written; a call that is over is listened to for once or twice as long."""

SORTED_AT_ONCE = 64
"""So many messages are sorted by their calls together."""

LARGE = 8_192
"""Bytes of a message that waits for no others."""

ROW_BYTES = 65_536
"""How much is written at once, before its time: packing it takes a fraction of a millisecond."""

ROW_CALLS = 50
"""Of how many calls a row may be: their ids are a key, which databases want short."""

MOST_BYTES = 65_536
"""What one call may say within a second and still be kept: more is a loop or an attack, not a call."""

_USUAL = b"\r\nCall-ID: "
_USUAL_LENGTH = len(_USUAL)
_ANY = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)


class Recording:
    """One call: the Call-IDs of its legs, and how much of it may still be kept, in all and `until` a second is over.

    ``row`` is the number of the last row that names it.
    """

    __slots__ = ("call_id", "messages_left", "room", "row", "sip_call_ids", "until")

    def __init__(self, call_id: str, most_messages: int) -> None:
        self.call_id = call_id
        self.sip_call_ids: list[bytes] = []
        self.until = 0.0
        self.room = MOST_BYTES
        self.messages_left = most_messages
        self.row = 0


class Recorder:
    """Records the calls that the setting names; the switch tells it of calls and of their legs."""

    def __init__(
        self,
        tap: Tap,
        writer: Writer,
        which: Which,
        *,
        call_later: CallLater,
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
        self._unsorted: list[tuple[Literal["in", "out"], float, Flow, bytes]] = []
        self._heard: list[tuple[str, float, str, str, bytes]] = []
        self._heard_from = 0.0
        self._size = 0
        self._calls: list[str] = []
        self._row = 1
        self._over: deque[tuple[float, Recording]] = deque()
        self._stop_listening: Callable[[], None] | None = None
        self._timer: TimerHandle | None = None
        self._early = EarlyMessages()
        self.is_short = False
        """There is little room left: what was said is not written."""

    def __len__(self) -> int:
        return len(self._recordings)

    def close(self) -> None:
        """Write what was heard, and stop listening."""
        self._sort()
        self._write()
        self._rest()

    # What the switch tells.

    def challenged(self, incoming: Incoming) -> None:
        """Keep what is said before it is known whether the call is one to record."""
        self._early.challenged(incoming, self._clock())

    def acknowledged(self, incoming: Incoming) -> None:
        """Keep the ACK to a challenge."""
        if self._early:
            self._early.acknowledged(incoming, self._clock())

    def refused(self, incoming: Incoming, call_id: str) -> None:
        """Keep what was said of an INVITE that was refused before it became a call; `call_id` names its CDR."""
        if self._which == "off":
            return
        self._sort()
        request, key = incoming.request, incoming.flow.key
        recording = Recording(call_id, self._most_messages)
        for message in self._early.take(request.call_id):
            self._keep(recording, *message)
        now = self._clock()
        self._keep(recording, now, "in", key, bytes(request))
        if incoming.reply is not None:
            self._keep(recording, now, "out", key, incoming.reply)

    def call_begins(self, call: Call, *, is_scripted: bool, is_recovered: bool = False) -> None:
        """Record a call, if it is one to record.

        The messages that began it were heard before this was known, so they are taken from the call and from what
        was challenged before it; a call of an earlier process is recorded from here on, after a mark that says so.
        """
        if self._which == "off" or (self._which == "scripted" and not is_scripted):
            return
        if call.id in self._recordings:
            return
        self._sort()
        recording = self._recordings[call.id] = Recording(call.id, self._most_messages)
        if self._stop_listening is None:
            self._stop_listening = self._tap.listen(self._hear)
        invite, flow = call.caller.invite, call.caller.flow
        if is_recovered:
            self._keep(recording, *restart_mark(self._clock()))
        elif call.caller.unacked_response is None and invite is not None and flow is not None:
            for message in self._early.take(invite.call_id):
                self._keep(recording, *message)
            self._keep(recording, call.caller.started_at, "in", flow.key, bytes(invite))
            for tried in call.legs:
                if tried.invite is not None and tried.flow is not None:
                    self._keep(recording, tried.started_at, "out", tried.flow.key, bytes(tried.invite))
        for leg in (call.caller, *call.legs):
            self.leg_begins(leg)

    def leg_begins(self, leg: Leg) -> None:
        """Hear the messages of one more leg."""
        recording = self._recordings.get(leg.owner.id)
        if recording is None:
            return
        self._sort()  # what was heard before it is not of this call
        sip_call_id = leg.sip_call_id.encode("utf-8", "surrogateescape")
        # A leg that a transfer fetches may be of a call in which it has been before, under the same Call-ID.
        if sip_call_id not in recording.sip_call_ids:
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

    def unwritten(self, call_id: str) -> list[tuple[str, float, str, str, bytes]]:
        """Return what was heard of a call and is not written yet: what somebody who watches it misses otherwise."""
        self._sort()
        return [one for one in self._heard if one[0] == call_id]

    # What the tap tells.

    def _hear(self, direction: Literal["in", "out"], at: float, flow: Flow, data: bytes) -> None:
        self._unsorted.append((direction, at, flow, data))
        if len(self._unsorted) >= SORTED_AT_ONCE or len(data) > LARGE:
            self._sort()
        elif self._timer is None:
            self._arm()

    def _sort(self) -> None:
        """Keep what was heard of the calls that are recorded."""
        if not self._unsorted:
            return
        heard, self._unsorted = self._unsorted, []
        calls = self._by_sip_call_id
        for direction, at, flow, data in heard:
            start = data.find(_USUAL) + _USUAL_LENGTH
            if start >= _USUAL_LENGTH:
                sip_call_id = data[start : data.find(b"\r", start)]
            elif (match := _ANY.search(data)) is not None:
                sip_call_id = match[1]
            else:
                continue
            if sip_call_id in calls:
                key = flow.key
                for recording in calls[sip_call_id]:
                    self._keep(recording, at, direction, key, data, at)

    def _keep(
        self, recording: Recording, at: float, direction: str, flow: str, data: bytes,
        seen_at: float | None = None,
    ) -> None:  # fmt: skip
        size = len(data)
        if at >= recording.until:
            recording.until, recording.room = at + 1.0, MOST_BYTES
        if recording.messages_left <= 0 or recording.room < size:
            return
        recording.messages_left -= 1
        recording.room -= size
        self._heard.append((recording.call_id, at, direction, flow, data))
        self._size += size
        if recording.row != self._row:
            self._name(recording, seen_at)
        if self._size >= ROW_BYTES:
            self._write()

    def _name(self, recording: Recording, seen_at: float | None) -> None:
        """Put a call among those of which the row is."""
        if not self._calls:
            self._heard_from = self._clock() if seen_at is None else seen_at
            self._arm()
        recording.row = self._row
        self._calls.append(recording.call_id)
        if len(self._calls) >= ROW_CALLS:
            self._write()

    # Time.

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(FLUSH_AFTER, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        self._sort()
        self._write()
        over = self._over
        while over and over[0][0] <= now:
            self._forget(over.popleft()[1])
        if over:  # not at the moment when the first of them is over: that would be a timer, and a row, for each call
            self._arm()
        elif not self._recordings:
            self._rest()

    def _write(self) -> None:
        heard, calls = self._heard, " ".join(self._calls)
        if not heard:
            return
        if self.is_short:
            self._heard, self._calls, self._size, self._row = [], [], 0, self._row + 1
            return
        self._heard, self._calls, self._size, self._row = [], [], 0, self._row + 1
        row = (calls, self._heard_from, pack(heard))
        try:
            self._writer.put("messages", row[:2], row)
        except Reject:  # the database is away and its queue is full: calls matter more than their pictures
            log.warning("messages not kept", calls=len(calls.split()), messages=len(heard))

    def _forget(self, recording: Recording) -> None:
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
