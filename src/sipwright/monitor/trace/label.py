"""A message in a few words, as the arrows of a ladder bear them."""

from __future__ import annotations

from sipwright.printable import printable
from sipwright.sdp import connection_addresses, is_hold, is_sdp
from sipwright.sip import Message, ParseError, Request, Response, parse

__all__ = ["label_of"]


def label_of(data: bytes) -> str:
    """Say in a few words what a message is: its method or status, and where it wants the audio."""
    try:
        message = parse(data)
        name = message.method if isinstance(message, Request) else _status(message)
        return printable(name + _audio(message))
    except ParseError as error:
        return printable(f"cannot be read: {error.reason}")


def _status(response: Response) -> str:
    text = f"{response.status} {response.reason}"
    return text if len(text) <= 32 else text[:29] + "..."


def _audio(message: Message) -> str:
    if not is_sdp(message.headers.get("content-type")):
        return ""
    addresses = dict.fromkeys(connection_addresses(message.body))
    hold = " hold" if is_hold(message.body) else ""
    return f" ({', '.join(addresses)}{hold})"
