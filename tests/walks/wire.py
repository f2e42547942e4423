"""SIP as text, read and written without any code of the switch."""

from __future__ import annotations

import re

__all__ = ["Heard", "tag_of", "uri_in", "written"]

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "k": "supported", "o": "event", "r": "refer-to", "b": "referred-by", "x": "session-expires",
}  # fmt: skip


class Heard:
    """A message as a phone reads it."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.decode().partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = []
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            self.headers.append((_COMPACT.get(name, name), value.strip()))
        self.status = int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0
        number, method = self["cseq"].split()
        self.cseq, self.method = int(number), method if self.status else self.start.split()[0]
        self.call_id = self["call-id"]
        self.branch = re.findall(r";\s*branch=([^;,\s]+)", self["via"])[0]

    def __getitem__(self, name: str) -> str:
        return next((value for found, value in self.headers if found == name), "")

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for found, value in self.headers if found == name]

    @property
    def media(self) -> str:
        """The name of the session in its SDP, by which a phone knows whose media it is told of."""
        found = re.search(r"^o=\S+ (\d+) ", self.body, re.MULTILINE)
        return found[1] if found and self["content-type"].startswith("application/sdp") else ""

    def __str__(self) -> str:
        media = f", media {self.media}" if self.media else ""
        return f"{self.start} ({self['cseq']}, {self.call_id}{media})"


def tag_of(address: str) -> str:
    """Return the tag of a From or To."""
    found = re.search(r">.*;\s*tag=([^;\s]+)", address)
    return found[1] if found else ""


def uri_in(address: str) -> str:
    """Return the URI of a From, To, Contact or Refer-To."""
    found = re.search(r"<([^>]*)>", address)
    return found[1] if found else address.partition(";")[0]


def written(lines: list[str], body: str = "") -> bytes:
    """Write a message; its body is an SDP, or the first line of a message (RFC 3420)."""
    kind = (
        ["Content-Type: " + ("message/sipfrag" if body.startswith("SIP/") else "application/sdp")]
        if body
        else []
    )
    return "\r\n".join([*lines, *kind, f"Content-Length: {len(body)}", "", body]).encode()
