"""SIP, SIPS and tel URIs, and everything else as opaque text (RFC 3261 §19.1, RFC 3966).

A parsed URI keeps its text and gives it back; `Uri.replace` makes a changed one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote as _percent_encode
from urllib.parse import unquote_to_bytes as _percent_decode

from sipwright.memo import Memo
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import HOST
from sipwright.sip.host import canonical_host

# The user part may hold ";", "?" and "/", so only an "@" ends it.  "#" is not legal there, but every
# phone sends it unescaped for feature codes.
_SIP_URI = re.compile(
    r"([sS][iI][pP][sS]?):"
    r'(?:([^@:\x00-\x20\x7f<>"]++)(?::([^@\x00-\x20\x7f<>"]*+))?@)?'
    rf"({HOST})(?::([0-9]{{1,5}}))?"
    r'(;[^?\x00-\x20\x7f<>"]*)?(?:\?([^\x00-\x20\x7f<>"]*))?'
)
_OTHER_URI = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*):([^\x00-\x20\x7f<>"]+)')
_URI_PARAM = re.compile(r";([^;=]+)(?:=([^;]*))?|;\Z|(.+)", re.DOTALL)

_SAFE_IN_USER = "-_.!~*'()&=+$,;?/"
_SAFE_IN_PARAM = "-_.!~*'()[]/:&+$"


DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
_SECURE = {"tcp": "tls", "ws": "wss"}


class _Keep:
    """Stands for "leave as it is" in `Uri.replace`."""


_KEEP: Final = _Keep()


class Uri:
    """One URI; its attributes are for reading.

    Attributes:
        scheme: In lower case.
        user: Unescaped; for tel: the number. None when there is none.
        raw_user: The user as it was written.
        password: As it was written.
        host: As hosts are compared (`host.py`), IPv6 without brackets; empty for other schemes than sip and sips.
        params: Names in lower case, both sides unescaped; None for a flag.
        headers: What follows "?", as it was written.
        is_sip: Whether it is a sip or sips URI.
        opaque: What follows the scheme, for other schemes than sip and sips.
    """

    __slots__ = (
        "_text",
        "headers",
        "host",
        "is_sip",
        "opaque",
        "params",
        "password",
        "port",
        "raw_user",
        "scheme",
        "user",
    )

    scheme: str
    user: str | None
    raw_user: str | None
    password: str | None
    host: str
    port: int | None
    params: Mapping[str, str | None]
    headers: str
    is_sip: bool
    opaque: str
    _text: str

    def __init__(
        self,
        *,
        host: str,
        scheme: str = "sip",
        user: str | None = None,
        password: str | None = None,
        port: int | None = None,
        params: Mapping[str, str | None] | None = None,
        headers: str = "",
    ) -> None:
        if scheme not in ("sip", "sips"):
            raise ValueError(f"not a SIP scheme: {scheme[:40]!r}")
        self.scheme = scheme
        self.user = user
        self.raw_user = None if user is None else _encode(user, _SAFE_IN_USER)
        self.password = password
        self.host = canonical_host(host.strip("[]"))
        self.port = port
        self.params = {} if params is None else dict(params)
        self.headers = headers
        self.opaque, self.is_sip = "", True
        self._text = self._compose()

    @staticmethod
    def parse(text: str) -> Uri:
        """Read a URI without angle brackets around it."""
        # The requests of one phone, and the headers of one request, name the same few URIs again and again.
        return _URIS[text]

    @classmethod
    def _parse(cls, text: str) -> Uri:
        match = _SIP_URI.fullmatch(text)
        if match is None:
            return cls._parse_other(text)
        scheme, raw_user, password, host, port, params, headers = match.groups()
        self = cls.__new__(cls)
        self._text = text
        self.scheme = scheme.lower()
        self.raw_user = raw_user
        self.user = _decode(raw_user) if raw_user and "%" in raw_user else raw_user
        self.password = password
        if host[0] == "[":
            host = host[1:-1]
        try:
            self.host = canonical_host(host)
        except ValueError:
            raise ParseError(f"The URI has an IPv6 address that is none: {host[:40]}") from None
        self.port = _port(port) if port else None
        self.params = _parse_uri_params(params) if params else {}
        self.headers = headers or ""
        self.opaque, self.is_sip = "", True
        return self

    @classmethod
    def _parse_other(cls, text: str) -> Uri:
        match = _OTHER_URI.fullmatch(text)
        if match is None:
            raise ParseError(f"The URI cannot be read: {text[:60]}")
        scheme, opaque = match.groups()
        self = cls.__new__(cls)
        self._text = text
        self.scheme = scheme.lower()
        if self.scheme in ("sip", "sips"):
            raise ParseError(f"The SIP URI cannot be read: {text[:60]}")
        self.opaque, self.is_sip = opaque, False
        self.user = self.raw_user = self.password = self.port = None
        self.host = self.headers = ""
        self.params = {}
        if self.scheme == "tel":
            number, semicolon, params = opaque.partition(";")
            self.user = self.raw_user = number
            self.params = _parse_uri_params(semicolon + params)
        return self

    @property
    def is_anonymous(self) -> bool:
        """Return whether a From names nobody by it (RFC 3323 §4.1.1.3); many leave a host of their own in it."""
        return self.host.rpartition(".")[2] == "invalid" or (self.user or "").lower() == "anonymous"

    @property
    def transport(self) -> str | None:
        """The transport parameter, in lower case."""
        transport = self.params.get("transport")
        return None if transport is None else transport.lower()

    @property
    def protocol(self) -> str:
        """What is spoken with it: TLS for sips (RFC 3261 §26.2.2), with `ws` in TLS too (RFC 7118 §5.5); else UDP."""
        transport = self.transport or ("tls" if self.scheme == "sips" else "udp")
        return _SECURE.get(transport, transport) if self.scheme == "sips" else transport

    @property
    def used_port(self) -> int:
        """The port that it means, where it names none that of its protocol (RFC 3261 §19.1.2, RFC 7118 §5.5)."""
        return self.port or DEFAULT_PORTS.get(self.protocol, 5060)

    @property
    def hostport(self) -> str:
        """Host and port as they are written in a URI."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def replace(
        self,
        *,
        scheme: str | _Keep = _KEEP,
        user: str | _Keep | None = _KEEP,
        password: str | _Keep | None = _KEEP,
        host: str | _Keep = _KEEP,
        port: int | _Keep | None = _KEEP,
        params: Mapping[str, str | None] | _Keep = _KEEP,
        headers: str | _Keep = _KEEP,
    ) -> Uri:
        """Make a SIP URI that differs in the given parts; `user` is unescaped."""
        changed = Uri(
            scheme=self.scheme if isinstance(scheme, _Keep) else scheme,
            user=self.user if isinstance(user, _Keep) else user,
            password=self.password if isinstance(password, _Keep) else password,
            host=self.host if isinstance(host, _Keep) else host,
            port=self.port if isinstance(port, _Keep) else port,
            params=self.params if isinstance(params, _Keep) else params,
            headers=self.headers if isinstance(headers, _Keep) else headers,
        )
        if isinstance(user, _Keep) and self.raw_user != changed.raw_user:
            # Nobody asked for another user, so it stays as its owner wrote it.
            changed.raw_user = self.raw_user
            changed._text = changed._compose()
        return changed

    def _compose(self) -> str:
        parts = [self.scheme, ":"]
        if self.raw_user is not None:
            parts.append(self.raw_user)
            if self.password is not None:
                parts += (":", self.password)
            parts.append("@")
        parts.append(self.hostport)
        for name, value in self.params.items():
            parts += (";", _encode(name, _SAFE_IN_PARAM))
            if value is not None:
                parts += ("=", _encode(value, _SAFE_IN_PARAM))
        if self.headers:
            parts += ("?", self.headers)
        return "".join(parts)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Uri({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uri) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def _star() -> Uri:
    star = Uri(host="")
    star.scheme = star.opaque = star._text = "*"
    star.is_sip = False
    return star


STAR: Final = _star()
"""The "URI" of `Contact: *`, which stands for all bindings (RFC 3261 §10.2.2)."""

_URIS: Memo[Uri] = Memo(Uri._parse, most=8_192)

_COMPARED_WHEN_IN_EITHER = ("user", "ttl", "method", "maddr", "transport")


def uris_match(a: Uri, b: Uri) -> bool:
    """Compare two URIs as RFC 3261 §19.1.4 says; other schemes than sip and sips by their text."""
    if a._text == b._text:
        return True
    if not (a.is_sip and b.is_sip):
        return False
    if (a.scheme, a.user, a.host, a.port) != (b.scheme, b.user, b.host, b.port):
        return False
    if (a.password is None) != (b.password is None):
        return False
    if a.password and b.password and _decode(a.password) != _decode(b.password):
        return False
    return _params_match(a.params, b.params) and _headers_match(a.headers, b.headers)


def hop_uri(text: str) -> Uri:
    """Read where a setting says that requests go: a host, perhaps with a port, or a SIP URI."""
    return Uri.parse(text if has_sip_scheme(text) else f"sip:{text}")


def as_request_uri(text: str) -> str:
    """Return a SIP URI as it may stand in a Request-URI: without a method, and without headers (§19.1.1 table 1)."""
    if "?" not in text and "method" not in text.lower():
        return text
    uri = Uri.parse(text)
    if not (uri.headers or "method" in uri.params):
        return text
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return str(uri.replace(params=params, headers=""))


def has_sip_scheme(text: str) -> bool:
    """Return whether a text begins as a SIP or SIPS URI does, in any case (§19.1.4)."""
    return text[:5].lower().startswith(("sip:", "sips:"))


def is_secure(text: str) -> bool:
    """Return whether the text of a URI is one of SIPS."""
    return text[:5].lower() == "sips:"


def _params_match(a: Mapping[str, str | None], b: Mapping[str, str | None]) -> bool:
    if any((name in a) != (name in b) for name in _COMPARED_WHEN_IN_EITHER):
        return False
    return all((value or "").lower() == (b[name] or "").lower() for name, value in a.items() if name in b)


def _headers_match(a: str, b: str) -> bool:
    return a == b or _headers_of(a) == _headers_of(b)


def _headers_of(text: str) -> list[tuple[str, str]]:
    pairs = (_decode(header).partition("=") for header in text.split("&"))
    return sorted((name.lower(), value) for name, _, value in pairs)


def _parse_uri_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for name, value, garbage in _URI_PARAM.findall(text):
        if not name:
            if not garbage:
                break  # some write a ";" behind the last one
            raise ParseError(f"The URI has a parameter that cannot be read at {garbage[:20]!r}")
        if "%" in name:
            name = _decode(name)
        if "%" in value:
            value = _decode(value)
        key = name.lower()
        if key in params:
            raise ParseError(f"The URI has the parameter {key} twice")
        params[key] = value or None
    return params


def _port(text: str) -> int:
    port = int(text)
    if port > 65535:
        raise ParseError(f"The URI has a port above 65535: {text}")
    return port


def _decode(text: str) -> str:
    raw = _percent_decode(text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def _encode(text: str, safe: str) -> str:
    return _percent_encode(text, safe=safe, errors="surrogateescape")
