"""What ICMP says about datagrams of ours: nobody is there, or no way leads there (RFC 3261 §18.4). Linux tells it.

A socket that asks for errors (IP_RECVERR) keeps each with the beginning of its datagram in a queue of its own, so what
is delivered costs nothing more. While one is kept the socket is in error, which libuv takes for its end: it never looks
at such a socket again. Behind an epoll of our own the loop only sees that there is something to be read.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import struct
from collections.abc import Callable, Iterator

__all__ = ["Watch", "ask_for_errors", "undelivered"]

ERRORS_AT_ONCE = 64
_LARGEST_QUOTE = 2_048
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_QUEUE = getattr(socket, "MSG_ERRQUEUE", 0)
_FROM_ICMP = (2, 3)
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT)
_CAN_TELL = hasattr(select, "epoll") and _QUEUE != 0


def ask_for_errors(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Let a UDP socket keep what ICMP says, where that is possible."""
    if _CAN_TELL:
        try:
            sock.setsockopt(*_RECVERR[family], 1)
        except OSError:
            pass


class Watch:
    """How a loop learns that a socket can be read or written, whatever errors it keeps."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._socket = sock
        self._reading = _poll(sock, select.EPOLLIN) if _CAN_TELL else None
        self._writing = _poll(sock, select.EPOLLOUT) if _CAN_TELL else None

    def when_readable(self, callback: Callable[[], object]) -> None:
        """Call `callback` whenever there is something to be read, or an error."""
        self._loop.add_reader((self._reading or self._socket).fileno(), callback)

    def stop_reading(self) -> None:
        """Ask for what is to be read no more."""
        self._loop.remove_reader((self._reading or self._socket).fileno())

    def when_writable(self, callback: Callable[[], object]) -> None:
        """Call `callback` whenever there is room, until `stop_writing`."""
        if self._writing is not None:
            self._loop.add_reader(self._writing.fileno(), callback)
        else:
            self._loop.add_writer(self._socket.fileno(), callback)

    def stop_writing(self) -> None:
        """Ask for room no more."""
        if self._writing is not None:
            self._loop.remove_reader(self._writing.fileno())
        else:
            self._loop.remove_writer(self._socket.fileno())

    def close(self) -> None:
        """Watch no more; before the socket is closed."""
        self._loop.remove_reader((self._reading or self._socket).fileno())
        for poll in (self._reading, self._writing):
            if poll is not None:
                poll.close()


def _poll(sock: socket.socket, events: int) -> select.epoll:
    poll = select.epoll()
    poll.register(sock.fileno(), events)
    return poll


def undelivered(sock: socket.socket) -> Iterator[bytes]:
    """Empty the queue of errors; yields the beginning of each datagram that found nobody."""
    for _ in range(ERRORS_AT_ONCE if _CAN_TELL else 0):
        try:
            data, ancillary, _flags, _peer = sock.recvmsg(_LARGEST_QUOTE, 512, _QUEUE)
        except OSError:
            return
        if any(_is_unreachable(value) for _level, _kind, value in ancillary):
            yield data


def _is_unreachable(error: bytes) -> bool:
    """Read a `struct sock_extended_err`: errno, and who says so."""
    if len(error) < 16:  # that is the packet information of another option
        return False
    number, origin = struct.unpack_from("=IB", error)
    return origin in _FROM_ICMP and number in _UNREACHABLE
