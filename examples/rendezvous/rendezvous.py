"""The reference client of media rendezvous (docs/rendezvous.md): standard library only.

A phone calls `announce` with its media socket before it offers or answers, and puts `attribute` into the media section of
its description. A helper beside a phone that shares the port does the same:

    python rendezvous.py sip.example.org:5060 --port 4000
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import struct

__all__ = ["announce", "attribute", "new_token"]

COOKIE = 0x2112A442
USERNAME, MAPPED, XOR_MAPPED = 0x0006, 0x0001, 0x0020
COPIES, PATIENCE = 3, 0.5


def new_token() -> str:
    """Return a token that nobody can guess: a new one for each call."""
    return secrets.token_urlsafe(18)


def attribute(token: str) -> str:
    """Return the line for the media section of the description."""
    return f"a=x-rendezvous:{token}"


def announce(sock: socket.socket, server: tuple[str, int], token: str) -> tuple[str, int] | None:
    """Show the switch a media socket; returns what it saw, or None when nobody has answered."""
    transaction = os.urandom(12)
    name = token.encode()
    value = struct.pack(">HH", USERNAME, len(name)) + name + bytes(-len(name) % 4)
    question = struct.pack(">HHI", 0x0001, len(value), COOKIE) + transaction + value
    before = sock.gettimeout()
    sock.settimeout(PATIENCE)
    try:
        for _ in range(COPIES):
            sock.sendto(question, server)
            try:
                answer = sock.recv(2048)
            except TimeoutError:
                continue
            if answer[:2] == b"\x01\x01" and answer[8:20] == transaction:
                return _seen(answer)
    finally:
        sock.settimeout(before)
    return None


def _seen(answer: bytes) -> tuple[str, int] | None:
    at = 20
    while at + 4 <= len(answer):
        kind, size = struct.unpack_from(">HH", answer, at)
        value = answer[at + 4 : at + 4 + size]
        if kind in (MAPPED, XOR_MAPPED) and len(value) == 8:
            (port,) = struct.unpack_from(">H", value, 2)
            host = value[4:]
            if kind == XOR_MAPPED:
                port ^= COOKIE >> 16
                host = bytes(one ^ other for one, other in zip(host, COOKIE.to_bytes(4, "big")))
            return socket.inet_ntoa(host), port
        at += 4 + size + -size % 4
    return None


def main() -> None:
    """Announce a port, and print the attribute with what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("server", help="the switch, as HOST:PORT of SIP over UDP, or of [stun] listen")
    parser.add_argument(
        "--port", type=int, required=True, help="the media port, which a phone shares with us"
    )
    parser.add_argument("--token", default=None, help="by default a new one")
    given = parser.parse_args()
    host, _, port = given.server.rpartition(":")
    token = given.token or new_token()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("", given.port))
        seen = announce(sock, (host, int(port)), token)
    if seen is None:
        raise SystemExit("nobody answers")
    print(f"{attribute(token)}  ({seen[0]}:{seen[1]})")


if __name__ == "__main__":
    main()
