"""Challenges and credentials: a scheme and parameters (RFC 3261 §20.7, §20.44, RFC 7616).

What the values mean is in digest.py; here they are only read and written.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sipwright.memo import Memo
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import IN_QUOTES, TOKEN, listed, quote, unescape

_LONGEST_KEPT = 512

# Between two parameters stands a comma; some write several, or only a blank.
_SCHEME = re.compile(rf"({TOKEN})[ \t,]+")
_AUTH_PARAM = re.compile(
    rf'({TOKEN}+)[ \t]*+=[ \t]*+(?:"({IN_QUOTES})"|([^" \t,]++)|(?=,|\Z))'
    r'(?:[ \t]*+(?:,[ \t,]*+|\Z)|[ \t]++|(?<="))|(.+)',
    re.DOTALL,
)
_BEGINS_CHALLENGE = re.compile(rf"{TOKEN}(?:[ \t]+{TOKEN}[ \t]*=|\Z)").match


def split_challenges(value: str) -> list[str]:
    """Return the challenges in one header line: there should be one (RFC 3261 §7.3.1), but some servers join them."""
    challenges: list[str] = []
    for part in listed([value]):
        if challenges and not _BEGINS_CHALLENGE(part):
            challenges[-1] += f", {part}"
        else:
            challenges.append(part)
    return challenges


class _Auth:
    """A scheme with parameters.

    Attributes:
        scheme: As it was written, such as `Digest`.
        params: Names in lower case, values unquoted.
    """

    __slots__ = ("params", "scheme")

    _HEADER = "The challenge"
    _QUOTED = frozenset[str]()

    def __init__(self, scheme: str, params: dict[str, str]) -> None:
        self.scheme = scheme
        self.params = params

    @classmethod
    def _read(cls, text: str) -> tuple[str, dict[str, str]]:
        # All phones of one make write the same around their quoted values, which is then read only once.
        around = text.split('"')
        if len(around) % 2 == 0 or "\\" in text or "\t" in text or len(text) > _LONGEST_KEPT:
            return cls._read_with_care(text)
        try:
            scheme, params, quoted = _AROUND["\t".join(around[::2])]
        except ParseError:
            return cls._read_with_care(text)
        params = params.copy()
        params.update(zip(quoted, around[1::2], strict=True))
        return scheme, params

    @classmethod
    def _read_with_care(cls, text: str) -> tuple[str, dict[str, str]]:
        match = _SCHEME.match(text)
        if match is None:
            raise ParseError(f"{cls._HEADER} is not a scheme and parameters", cls._HEADER)
        found = _AUTH_PARAM.findall(text, match.end())
        if not found or found[-1][3]:
            garbage = found[-1][3] if found else ""
            raise ParseError(f"{cls._HEADER} cannot be read at {garbage[:20]!r}", cls._HEADER)
        params = {name.lower(): plain or unescape(quoted) for name, quoted, plain, _ in found}
        if len(params) != len(found):
            raise ParseError(f"{cls._HEADER} has a parameter twice", cls._HEADER)
        return match[1], params

    def __str__(self) -> str:
        must_quote = self._QUOTED
        params = ", ".join(
            [f"{name}={quote(v) if name in must_quote else v}" for name, v in self.params.items()]
        )
        return f"{self.scheme} {params}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scheme!r}, {self.params!r})"


class Challenge(_Auth):
    """A value of WWW-Authenticate or Proxy-Authenticate."""

    __slots__ = ()

    _HEADER = "The challenge"
    _QUOTED = frozenset({"realm", "domain", "nonce", "opaque", "qop"})

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read one header value."""
        return cls(*cls._read(text))


class Credentials(_Auth):
    """A value of Authorization or Proxy-Authorization."""

    __slots__ = ()

    _HEADER = "Authorization"
    _QUOTED = frozenset({"username", "realm", "nonce", "uri", "response", "cnonce", "opaque"})

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read one header value."""
        return cls(*cls._read(text))


class Answer(NamedTuple):
    """The credentials of an Authorization header, quality of protection `auth` or none (RFC 7616 §3.4)."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str | None
    qop: str | None
    nc: str | None
    cnonce: str | None


def _read_around(around: str) -> tuple[str, dict[str, str], list[str]]:
    """Read a value whose quoted strings are left out: its scheme, its parameters, and which of them were quoted."""
    # A tab stands in for what was quoted, as no value without quotes has one.
    scheme, params = Credentials._read_with_care(around.replace("\t", '"\t"'))
    return scheme, params, [name for name, value in params.items() if value == "\t"]


_AROUND = Memo(_read_around, longest=200)
