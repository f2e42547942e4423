"""A bare socket that sends exactly what it is given: for requests that no decent phone would send."""

from __future__ import annotations

import itertools
import os
import socket
import time
from types import TracebackType
from typing import Self

from sipwright.sip import Response, StreamFramer, parse

_numbers = itertools.count(1)


class Phone:
    """A UDP or TCP socket on loopback, talking to one switch."""

    def __init__(self, switch: tuple[str, int], host: str = "127.0.0.1", protocol: str = "udp") -> None:
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self.protocol = protocol
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind((host, 0))
        self._socket.connect(switch)
        self._framer = StreamFramer()
        self._read: list[bytes] = []
        self.host, self.port = self._socket.getsockname()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self.protocol == "udp":
            self._socket.send(data)
        else:
            self._socket.sendall(data)

    def receive(self, patience: float = 60.0) -> bytes | None:
        """Return the next message, or None when none comes or the connection has ended."""
        self._socket.settimeout(patience)
        try:
            if self.protocol == "udp":
                return self._socket.recv(65_536)
            while not self._read:
                data = self._socket.recv(65_536)
                if not data:
                    return None
                self._read += [part for part in self._framer.feed(data) if isinstance(part, bytes)]
            return self._read.pop(0)
        except (BlockingIOError, TimeoutError, ConnectionError):
            return None

    def ask(self, text: str, patience: float = 60.0, repeats: int = 0) -> Response:
        """Send a request written with LF line ends and `{call_id}` in it, and return its first final response.

        It is sent again up to `repeats` times, each `patience` seconds after the one before.

        Raises:
            TimeoutError: There is no answer, or nobody to give one.
        """
        data = self.wire(text)
        for _ in range(repeats + 1):
            sent_at = time.monotonic()
            self.send(data)
            while (answer := self.receive(patience)) is not None:
                response = parse(answer)
                if (
                    isinstance(response, Response)
                    and response.status >= 200
                    and response.call_id.encode() in data
                ):
                    return response
            if time.monotonic() < sent_at + patience:
                break  # nobody listens there
        raise TimeoutError(f"no answer to {data[:60]!r}")

    def wire(self, text: str) -> bytes:
        """Return a message for the wire: `{via}` and `{call_id}` filled in, and the empty line put at its end."""
        number = next(_numbers)
        token = f"{os.getpid()}x{number}"
        via = f"Via: SIP/2.0/{self.protocol.upper()} {self.host}:{self.port};branch=z9hG4bK{token};rport"
        filled = text.strip().replace("{via}", via).replace("{call_id}", f"Call-ID: {token}@{self.host}")
        head, _, body = filled.partition("\n\n")
        if "Content-Length" not in head:
            head += f"\nContent-Length: {len(body.encode())}"
        return (head.replace("\n", "\r\n") + "\r\n\r\n").encode() + body.encode()

    def options(self, patience: float = 0.5, repeats: int = 20) -> Response:
        """Ask whether the switch is there, again and again: it may have much to do first."""
        return self.ask(
            f"""
OPTIONS sip:{self._socket.getpeername()[0]} SIP/2.0
{{via}}
From: <sip:ping@elsewhere.example>;tag=p
To: <sip:{self._socket.getpeername()[0]}>
{{call_id}}
CSeq: 1 OPTIONS
Max-Forwards: 70
""",
            patience,
            repeats,
        )
