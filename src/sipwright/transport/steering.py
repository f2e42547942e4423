"""Lets the kernel bring an answer to the worker that has asked, and a BYE to the one that has called.

Of several workers whose sockets share a port it chooses one by the two addresses of a datagram (SO_REUSEPORT): so what
one phone says comes to the same worker, and half of the answers to another worker than has asked. A program of the
socket filter's language (SO_ATTACH_REUSEPORT_CBPF, Linux 4.5) looks at answers before that: at the first branch in
them, which is the one of the topmost Via (RFC 3261 §18.1.2), and at the place of a worker, in two digits, with which
ours begin. Whoever was called and hangs up says to whom in the first bytes: our Contact is the Request-URI of its BYE
(§12.2.1.1), and has the place in its user. All else is left to the kernel, and so is what leads nowhere. A wrong guess
does no harm: a worker hands on what is not for it.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterable
from struct import Struct

__all__ = ["place_mark", "place_user", "steer_datagrams"]

FIRST_AT, LAST_AT = 40, 220
"""Between which bytes of an answer a branch is looked for: reason and address before it may be long."""

_SO_ATTACH_REUSEPORT_CBPF = getattr(socket, "SO_ATTACH_REUSEPORT_CBPF", 51)

_INSTRUCTION = Struct("=HBBI")
_PROGRAM = Struct("@HP")
_Instruction = tuple[int, int, int, int]

# bpf(4): what an instruction does, and to what.
_LOAD_WORD, _LOAD_BYTE, _LOAD_LENGTH, _LOAD_INDEXED_BYTE = 0x20, 0x30, 0x80, 0x50
_SET_X, _LOAD_X, _STORE = 0x01, 0x61, 0x02
_JUMP, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST = 0x05, 0x15, 0x35
_ADD, _ADD_X, _SUBTRACT, _MULTIPLY, _A_TO_X, _X_TO_A = 0x04, 0x0C, 0x14, 0x24, 0x07, 0x87
_RETURN, _RETURN_A = 0x06, 0x16

_NOWHERE = 0xFFFF_FFFF
"""No socket's place, so the kernel chooses as it does by itself."""

_COOKIE = "z9hG4bK"
_BRIEF = "n"
"""How the mark of a brief transaction begins, which is two characters in front of the place (`stack/receiver.py`)."""


def place_mark(place: int) -> str:
    """Return what the branches of a worker begin with, by its place among those that listen, from 0 on."""
    return f"{place:02}"


def place_user(place: int) -> str:
    """Return the user of the Contacts by which a worker calls."""
    return f"w{place_mark(place)}"


def steer_datagrams(sock: socket.socket) -> None:
    """Let what the sockets at an address get be steered, as far as this kernel can do that."""
    program = b"".join(_INSTRUCTION.pack(*each) for each in _instructions())
    kept = ctypes.create_string_buffer(program, len(program))
    given = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(kept))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, given)
    except OSError:
        pass


def _instructions() -> Iterable[_Instruction]:
    """Write the program. It has no loops, and a jump on a condition reaches 255 instructions."""
    places = range(FIRST_AT, LAST_AT)
    yield from [
        (_LOAD_LENGTH, 0, 0, 0),
        (
            _JUMP_IF_AT_LEAST,
            1,
            0,
            LAST_AT + 16,
        ),  # a load from behind the end would return 0, which is a place
        (_RETURN, 0, 0, _NOWHERE),
        (_LOAD_WORD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 10, 0, int.from_bytes(b"SIP/")),
        (_JUMP_IF_EQUAL, 0, 8, int.from_bytes(b"BYE ")),
        (_LOAD_WORD, 0, 0, 4),
        (_JUMP_IF_EQUAL, 0, 6, int.from_bytes(b"sip:")),
        (_LOAD_BYTE, 0, 0, 8),
        (_JUMP_IF_EQUAL, 0, 4, ord("w")),
        (_LOAD_BYTE, 0, 0, 11),
        (_JUMP_IF_EQUAL, 0, 2, ord("@")),
        (_SET_X, 0, 0, 9),
        (_JUMP, 0, 0, 4 * len(places) + 2),
        (_RETURN, 0, 0, _NOWHERE),
    ]
    cookie = int.from_bytes(_COOKIE[:4].encode())
    for at in places:
        left = 4 * (places.stop - 1 - at)
        yield from [
            (_LOAD_WORD, 0, 0, at),
            (_JUMP_IF_EQUAL, 0, 2, cookie),
            (_SET_X, 0, 0, at + len(_COOKIE)),
            (_JUMP, 0, 0, left + 1),
        ]
    yield (_RETURN, 0, 0, _NOWHERE)
    yield from [
        (_LOAD_INDEXED_BYTE, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 3, ord(_BRIEF)),
        (_X_TO_A, 0, 0, 0),
        (_ADD, 0, 0, 2),
        (_A_TO_X, 0, 0, 0),
        (_LOAD_INDEXED_BYTE, 0, 0, 0),
        (_MULTIPLY, 0, 0, 10),
        (_STORE, 0, 0, 0),
        (_LOAD_INDEXED_BYTE, 0, 0, 1),
        (_LOAD_X, 0, 0, 0),
        (_ADD_X, 0, 0, 0),
        (_SUBTRACT, 0, 0, 11 * ord("0")),  # what is no digit leads to no place: an `e` to 520 and more
        (_RETURN_A, 0, 0, 0),
    ]
