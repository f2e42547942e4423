"""The native part (`native/README.md`)."""

from typing import Any

FORM: int

def read_register(data: bytes, host: str, port: int, is_reliable: bool, /) -> tuple[Any, ...] | None:
    """Do what `sip/usual_register.py:read_in_python` does, or say that it is unusual."""

def take_apart(data: bytes, /) -> tuple[Any, ...] | None:
    """Do what `sip/parser.py:parse` does first, or say that a message is unusual.

    Returns the start line, the other lines, their index, all lines of those headers that are there more than once (or
    None), what Call-ID, From and To say by the names of the properties, the Via for `Via.of_parts`, and where the body
    begins and ends.
    """

def usual_ok(data: bytes, /) -> tuple[str, str] | None:
    """Do what `sip/echo.py:usual_ok_in_python` does, or say that it is unusual."""

def sign_nonce(key: bytes, stamp: str, mark: str, holder: str, /) -> str | None:
    """Return the nonce that `sip/nonces.py:NonceKeeper.issue` does, or say that something in it is long."""

def is_nonce(key: bytes, nonce: str, mark: str, /) -> bool | None:
    """Return whether a nonce has this mark, or say that something in it is long."""

def md5_response(ha1: str, middle: str, method: str, uri: str, /) -> str:
    """Return the response of a digest with MD5 (RFC 7616 §3.4.1), in hexadecimal."""

def is_echo(response: bytes, request: bytes, /) -> bool:
    """Do what `sip/echo.py:is_echo_in_python` does, or say that it is unusual, which is False."""
