"""Requests of one dialog that are alike but for their branch, CSeq, one header and body: written by filling in a form.

For whoever sends thousands of them, such as NOTIFYs (RFC 6665): what does not change is put together once.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.sip.build import Written, write_in_dialog
from sipwright.sip.grammar import forbid_breaks

__all__ = ["Form"]


class Form:
    """A request that is written but for what differs; `write` gives the bytes that `make_request` would."""

    __slots__ = ("_end", "_method", "_parts", "_via")

    def __init__(  # noqa: PLR0913, in the order in which it is written
        self,
        method: str,
        uri: str,
        via: tuple[str, str],
        routes: list[str],
        from_: str,
        to: str,
        call_id: str,
        headers: Iterable[tuple[str, str]],
        last: str,
        content_type: str,
    ) -> None:
        """Make one.

        Args:
            method: The method.
            uri: The Request-URI.
            via: The top Via, before its branch and behind it.
            routes: The values of Route.
            from_: Our address with our tag.
            to: The peer's address with its tag.
            call_id: The Call-ID.
            headers: More headers, as names and values.
            last: The name of the header that differs.
            content_type: The type of the body.

        Raises:
            ValueError: The Request-URI is none, or something has a line break in it.
        """
        whole = write_in_dialog(
            method, uri, "".join(via), routes, from_, to, call_id, 0, [*headers, (last, "")]
        )
        forbid_breaks(content_type)
        head = whole.wire.decode("utf-8", "surrogateescape").partition("\r\nContent-Length: ")[0]
        place = len(f"{method} {uri} SIP/2.0\r\nVia: {via[0]}")
        cseq = head.index(f"\r\nCSeq: 0 {method}\r\n", place) + len("\r\nCSeq: ")
        self._method, self._via = method, via
        self._parts = head[:place], head[place:cseq], head[cseq + 1 :]
        self._end = f"\r\nContent-Type: {content_type}\r\nContent-Length: "

    def write(self, branch: str, cseq: int, value: str, body: bytes) -> Written:
        """Write the request with a body; `value` is that of the header which differs, and has no line break."""
        return Written(self._method, branch.join(self._via), self.wire(branch, cseq, value, body))

    def wire(self, branch: str, cseq: int, value: str, body: bytes) -> bytes:
        """Return its bytes alone."""
        begin, middle, rest = self._parts
        head = f"{begin}{branch}{middle}{cseq}{rest}{value}{self._end}{len(body)}\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + body
