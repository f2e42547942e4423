"""What was said on the wire, in the database."""

from __future__ import annotations

import zlib

from sipwright.store import Store
from sipwright.store.history.trace_messages import AT_ONCE, Heard, forget_old, pack, read, unpack

FLOW = "udp/192.0.2.1:5060/192.0.2.9:5060"


def message(text: bytes, at: float = 1.0, call_id: str = "c1") -> Heard:
    return Heard(call_id, at, "in", FLOW, text)


def put(store: Store, call_ids: str, at: float, data: bytes = b"x") -> None:
    heard = [message(data, at, call_id) for call_id in call_ids.split()]
    store.writer.put("messages", (call_ids, at), (call_ids, at, pack(heard)))


def test_every_byte_comes_back():
    said = [message(bytes(range(256)), 1.5), message(b"", 2.25)]

    assert unpack(pack(said)) == said


def test_what_could_be_used_to_guess_a_password_is_left_out():
    said = b'INVITE sip:x SIP/2.0\r\nauthorization: Digest uri="x", RESPONSE = "' + b"0123456789abcdef" * 2
    (kept,) = unpack(pack([message(said + b'", nc=1\r\n\r\n')]))

    assert kept.data.endswith(b'RESPONSE = "...", nc=1\r\n\r\n')


def test_what_could_be_used_to_guess_a_password_does_not_move_what_stands_beside_it():
    said = [message(b"a" * 9), message(b'x: response="' + b"0" * 32 + b'"\r\n'), message(b"b" * 9)]

    assert [one.data for one in unpack(pack(said))] == [b"a" * 9, b'x: response="..."\r\n', b"b" * 9]


def test_what_the_last_version_has_packed_is_read():
    """It has a line before each message."""
    lines = b"c1 1.5 in 3 udp/a b/c\na\nbc2 2.25 out 0 udp/d\n"

    assert unpack(b"\x02" + zlib.compress(lines)) == [
        Heard("c1", 1.5, "in", "udp/a b/c", b"a\nb"),
        Heard("c2", 2.25, "out", "udp/d", b""),
    ]


def test_what_an_earlier_version_has_packed_is_left_aside():
    assert unpack(b"\x78\x01...") == []


async def test_the_messages_of_a_call_are_read_in_order(store: Store):
    put(store, "c1 c2", 102.0, b"second")
    put(store, "c1", 101.0, b"first")
    put(store, "c11 c2", 101.5, b"other")
    await store.writer.drain()

    found = await store.database.read(lambda connection: read(connection, "c1", 101.0, None))
    assert [one.data for one in found] == [b"first", b"second"]


async def test_only_the_time_of_a_call_is_looked_through(store: Store):
    """The margin is for the last messages of a call, which may be repeated for 32 s."""
    for at in (1.0, 100.0, 140.0, 300.0):
        put(store, "c1", at, b"%d" % at)
    await store.writer.drain()

    found = await store.database.read(lambda connection: read(connection, "c1", 100.0, 105.0))
    assert [one.data for one in found] == [b"100", b"140"]


async def test_what_is_old_is_forgotten(store: Store):
    for at in range(AT_ONCE + 10):
        put(store, f"c{at}", float(at))
    await store.writer.drain()

    assert await forget_old(store.database, AT_ONCE + 4.5, 10**9) == AT_ONCE + 5
    assert await forget_old(store.database, AT_ONCE + 4.5, 10**9) == 0


async def test_of_too_much_the_oldest_is_forgotten(store: Store):
    assert await forget_old(store.database, 0.0, 100) == 0
    for at in range(100):
        put(store, f"c{at}", float(at))
    await store.writer.drain()

    gone = await forget_old(store.database, 0.0, 5_000)
    assert 50 < gone < 100
    assert await store.database.read(lambda connection: read(connection, "c99", 99.0, None)) != []
