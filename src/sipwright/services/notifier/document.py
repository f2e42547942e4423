"""What a NOTIFY tells: a document whose version is put in when it is sent, so that many subscribers share the rest."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Document", "Serials", "attribute", "text"]

# Written out here, as `xml.sax.saxutils` loads an HTTP client.
_NOT_XML = {code: None for code in range(32) if code not in (9, 10, 13)} | dict.fromkeys((65534, 65535))
_TEXT = _NOT_XML | str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = _TEXT | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


class Document(NamedTuple):
    """A body in two parts, between which its version stands; without a `tail` it has none."""

    head: bytes
    tail: bytes = b""

    def body(self, version: int) -> bytes:
        """Return the body with a version."""
        return self.head + b"%d" % version + self.tail if self.tail else self.head


class Serials:
    """Counts the changes of what is told of each account, so that a subscriber has a document once."""

    def __init__(self) -> None:
        self._serials: dict[int, int] = {}

    def touch(self, account_id: int) -> None:
        """Take note that there is something new about an account."""
        self._serials[account_id] = self.serial(account_id) + 1

    def serial(self, account_id: int) -> int:
        """Return the serial of the last change."""
        return self._serials.get(account_id, 0)


def attribute(value: str) -> str:
    """Return a text as an attribute of XML has it, with its quotes; what XML cannot say is left out."""
    return f'"{_as_unicode(value).translate(_ATTRIBUTE)}"'


def text(value: str) -> str:
    """Return a text as XML has it between tags."""
    return _as_unicode(value).translate(_TEXT)


def _as_unicode(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
