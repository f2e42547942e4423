"""What a script sees: ``req``, ``call`` and the results of its functions, as values that cross into the sandbox.

They are named tuples, because those enter and leave the interpreter without a stand-in on our side. Text that
a stranger may have chosen is made harmless here: what is special in a dial string stays percent-escaped, so
that ``dial(f"{req.user}@local")`` can never ring more than one leg.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sipwright.services.leg_options import LegOptions
from sipwright.sip import Uri

__all__ = [
    "Binding",
    "Call",
    "DialResult",
    "HttpResponse",
    "Inputs",
    "LegResult",
    "LegSpec",
    "Raised",
    "Request",
    "clean",
    "protect",
]


class Request(NamedTuple):
    """``req``: the request that the script decides about; ``headers`` and ``body`` come on demand."""

    method: str
    uri: str
    user: str
    host: str
    from_name: str
    from_user: str
    from_host: str
    to: str
    source: str
    user_agent: str
    redirected: bool
    body: str
    headers: Mapping[str, str]


class Call(NamedTuple):
    """``call``: on whose behalf the script runs, and which provider has brought it, if it really was one."""

    id: str
    direction: str
    account: str
    user: str
    dialplan: str
    active: int
    timezone: str = "UTC"
    provider: str | None = None
    verstat: str | None = None
    attestation: str | None = None


class LegResult(NamedTuple):
    """How one leg of a ``dial()`` ended; ``redirect`` is where a leg with ``redirect=return`` was sent.

    ``audio`` is whether both ends would have heard each other: ``yes``, or ``no`` or ``perhaps`` with the reason.
    """

    target: str
    status: int
    reason: str
    duration: float
    redirect: str = ""
    audio: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        rare = ("redirect", "audio")
        return {name: value for name, value in self._asdict().items() if name not in rare or value}


class DialResult(NamedTuple):
    """What ``dial()`` returns: how it failed, or with ``wait=True`` the call that was, or that the caller `hung_up`."""

    answered: bool
    status: int
    reason: str
    legs: list[LegResult]
    duration: float
    redirect: str = ""
    hung_up: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        rare = ("redirect", "hung_up")
        kept = {name: value for name, value in self._asdict().items() if name not in rare or value}
        return kept | {"legs": [leg.to_json() for leg in self.legs]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> DialResult:
        """Read what ``to_json`` gave."""
        return cls(**{**kept, "legs": [LegResult(**leg) for leg in kept["legs"]]})


# Written out, as mypy would have them, its fields were a second list of options.
_make: Callable[..., Any] = namedtuple
_OPTIONS = [each.name for each in fields(LegOptions)]
_LegSpec: Any = _make("LegSpec", ["target", *_OPTIONS], defaults=[None] * len(_OPTIONS))


class LegSpec(_LegSpec):  # type: ignore[misc]  # made above
    """What ``leg()`` returns and ``dial()`` takes: one leg, with its options."""

    __slots__ = ()


class HttpResponse(NamedTuple):
    """What a web server said; ``json`` is the body read as JSON, None when it is none."""

    status: int
    text: str
    json: Any
    headers: Mapping[str, str]


class Binding(NamedTuple):
    """Where a phone of an account can be reached now."""

    uri: str
    source: str
    expires_in: float


@dataclass(frozen=True, slots=True)
class Raised:
    """An answer that is an exception: its built-in class, and what it says."""

    exception: str
    message: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs that a run starts from; JSON can carry it, so a run can be started again, or replayed.

    Headers and body stay as they came until it is known that the script mentions them (``including``).
    """

    request: Request
    call: Call
    raw_headers: Iterable[tuple[str, str]] = ()
    raw_body: bytes = b""

    @classmethod
    def of(  # noqa: PLR0913 (what the caller said, each thing by its name)
        cls,
        call: Call,
        *,
        method: str,
        uri: str,
        user: str,
        host: str,
        from_name: str = "",
        from_user: str = "",
        from_host: str = "",
        to: str = "",
        source: str = "",
        user_agent: str = "",
        redirected: bool = False,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Inputs:
        """Make inputs from what came over the wire; ``user`` and ``from_user`` come unescaped."""
        texts: Iterable[str] = (method, uri, user, host, from_name, from_user, from_host, to, user_agent)
        if not "".join(texts).isascii():  # one look at all of them, which most pass
            texts = map(clean, texts)
        method, uri, user, host, from_name, from_user, from_host, to, user_agent = texts
        request = Request(
            method=method,
            uri=_protect_uri(uri),
            user=_SPECIAL.sub(_escape, user),
            host=host,
            from_name=from_name.translate(_NO_BRACKETS) if from_name else "",
            from_user=_SPECIAL.sub(_escape, from_user),
            from_host=from_host,
            to=to,
            source=source,
            user_agent=user_agent,
            redirected=redirected,
            body="",
            headers={},
        )
        return cls(request, call, headers, body)

    def including(self, *, headers: bool, body: bool) -> Inputs:
        """Return the same with headers and body in ``request``, where they are wanted."""
        if not headers and not body:
            return Inputs(self.request, self.call)  # a run that waits needs not the whole message
        request = self.request._replace(
            headers=_collect(self.raw_headers) if headers else {},
            body=self.raw_body.decode("utf-8", "replace") if body else "",
        )
        return Inputs(request, self.call)

    @property
    def variables(self) -> dict[str, str]:
        """What ``${name}`` stands for in a dial string."""
        request = self.request
        return {
            "dst": request.user,
            "exten": request.user,
            "fromname": request.from_name,
            "fromuriuser": request.from_user,
            "fromaor": f"{request.from_user}@{request.from_host}",
        }

    def redirected_to(self, text: str) -> Inputs:
        """Return the same for a run that decides again, about the address that a redirect named."""
        uri = Uri.parse(text)
        request = self.request._replace(
            uri=_protect_uri(clean(text)), user=protect(uri.user or ""), host=clean(uri.hostport),
            redirected=True,
        )  # fmt: skip
        return Inputs(request, self.call)

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {"request": self.request._asdict(), "call": self.call._asdict()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Inputs:
        """Read what ``to_json`` gave."""
        return cls(Request(**kept["request"]), Call(**kept["call"]))


# What a script is told about a wrong attribute names the class; our packages mean nothing to its author.
for _class in (Request, Call, LegResult, DialResult, LegSpec, HttpResponse, Binding):
    _class.__module__ = "builtins"


def clean(text: str) -> str:
    """Replace bytes that are no UTF-8 (they arrive as lone surrogates), which no sandbox takes."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def protect(text: str) -> str:
    """Percent-escape what a dial string would read as more than a part of a name."""
    return _SPECIAL.sub(_escape, clean(text))


# A dial string ends a name at any blank of Unicode.
_SPECIAL = re.compile(r"""[\x00-\x20\x7f\s&|\[\],@<>"%:{}]""")
_SPECIAL_IN_URI = re.compile(r"""[\x00-\x20\x7f\s&|,<>"{}]""")
_NO_BRACKETS = str.maketrans('[]{}"', "()()'", "".join(map(chr, range(32))))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _protect_uri(text: str) -> str:
    return _SPECIAL_IN_URI.sub(_escape, text)


def _collect(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of each header by commas, under its name in lower case."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = clean(name).lower()
        value = clean(value)
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
