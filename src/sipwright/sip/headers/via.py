"""Via: the way back for responses (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import HOST, TOKEN, format_params, parse_params

# What nearly every phone writes: a branch and the wish for the port; in a response with what has been filled in.
_USUAL_LINE = re.compile(
    r"[^:]*+:[ \t]*+(SIP/2\.0/([A-Z]++) ([a-z0-9._\-]++)(?::([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    rf"(;rport)?+;branch=({TOKEN})(?:(;rport)(?:=([0-9]{{1,5}}+))?+)?+(?:;received=([0-9.]++))?+)"
).fullmatch
_PLAIN = re.compile(rf"(SIP/2\.0)/({TOKEN}) ({HOST})(?::([0-9]{{1,5}}))?(;.*)?")
# Blanks may stand around every separator; they may be folded lines too.
_ANY = re.compile(
    rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]+({HOST})"
    r"(?:[ \t]*:[ \t]*([0-9]{1,5}))?[ \t]*(;.*)?"
)


class Via:
    """One hop of a request; its attributes are for reading, and only `note_source` changes them.

    Attributes:
        protocol: `SIP/2.0`.
        transport: In upper case.
        host: The sent-by host in lower case, IPv6 without brackets.
        params: Names in lower case, values as they were written; None for a flag.
        branch: The branch parameter.
    """

    __slots__ = ("_text", "branch", "host", "params", "port", "protocol", "transport")

    protocol: str
    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]
    branch: str | None

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        params: Mapping[str, str | None] | None = None,
    ) -> None:
        self.protocol = "SIP/2.0"
        self.transport = transport.upper()
        self.host = host.strip("[]").lower()
        self.port = port
        self.params = {} if params is None else dict(params)
        self.branch = self.params.get("branch")
        self._text: str | None = None

    @classmethod
    def of_line(cls, line: str) -> Via | None:
        """Read a whole header line, if it has the one value and the shape that nearly all have."""
        match = _USUAL_LINE(line)
        if match is None:
            return None
        self = cls.__new__(cls)
        self.protocol = "SIP/2.0"
        self._text, self.transport, self.host, port, first, branch, last, rport, received = match.groups()
        self.port = None if port is None else int(port)
        if first is not None:
            if last is not None:
                return None
            params: dict[str, str | None] = {"rport": None, "branch": branch}
        elif last is not None:
            params = {"branch": branch, "rport": rport}
        else:
            params = {"branch": branch}
        if received is not None:
            params["received"] = received
        self.params = params
        self.branch = branch
        return self

    @classmethod
    def of_parts(
        cls,
        text: str,
        transport: str,
        host: str,
        port: int | None,
        params: dict[str, str | None],
        branch: str,
    ) -> Via:
        """Put together what `of_line` would read; the text is the value as it was written."""
        self = cls.__new__(cls)
        self.protocol = "SIP/2.0"
        self._text, self.transport, self.host, self.port, self.params, self.branch = (
            text, transport, host, port, params, branch,
        )  # fmt: skip
        return self

    @staticmethod
    def branch_of_line(line: str) -> str | None:
        """Read the branch alone, where `of_line` would read it."""
        match = _USUAL_LINE(line)
        if match is None:
            return None
        first, branch, last = match.group(5, 6, 7)
        return None if first is not None and last is not None else branch

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value."""
        match = _PLAIN.fullmatch(text)
        if match is not None:
            protocol, transport, host, port, params = match.groups()
        else:
            match = _ANY.fullmatch(text)
            if match is None:
                raise ParseError("Via is not a protocol, a transport and an address", "Via")
            name, version, transport, host, port, params = match.groups()
            protocol = f"{name}/{version}".upper()
        self = cls.__new__(cls)
        self._text = text
        self.protocol = protocol
        self.transport = transport.upper()
        self.host = (host[1:-1] if host[0] == "[" else host).lower()
        self.port = None
        if port:
            self.port = int(port)
            if self.port > 65535:
                raise ParseError(f"Via has a port above 65535: {port}", "Via")
        self.params = parse_params(params, "Via") if params else {}
        self.branch = self.params.get("branch")
        return self

    @property
    def received(self) -> str | None:
        """The address the request came from; IPv6 without brackets, which RFC 5118 §4.5 allows both ways."""
        received = self.params.get("received")
        return received if received is None else received.strip("[]")

    @property
    def rport(self) -> int | None:
        """The port the request came from, when it was filled in."""
        rport = self.params.get("rport")
        return int(rport) if rport is not None and rport.isascii() and rport.isdigit() else None

    @property
    def sent_by(self) -> str:
        """Host and port as they are written in the header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def note_source(self, host: str, port: int) -> str | None:
        """Note where the request came from (RFC 3261 §18.2.1, RFC 3581 §4), and give the new value.

        None when there is nothing to note.
        """
        params, text = self.params, None
        if "rport" in params:
            head, found, tail = (self._text or str(self)).partition(";rport")
            if found and tail[:1] in ("", ";") and '"' not in head and "received" not in params:
                # The rest stays as it was written, but for a ";" at its end.
                text = f"{head};rport={port}{tail.rstrip('; ')};received={host}"
            params["rport"] = str(port)
        elif host == self.host and "received" not in params:
            return None
        params["received"] = host
        self._text = text
        return text or str(self)

    def __str__(self) -> str:
        if self._text is None:
            self._text = f"{self.protocol}/{self.transport} {self.sent_by}{format_params(self.params)}"
        return self._text

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"
