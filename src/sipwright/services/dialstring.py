"""Dial strings: what a script hands to ``dial()``, parsed by one anchored grammar that knows positions.

::

    dial-string = group *( "|" group )                  ; the next group rings when all of one failed
    group       = leg *( "&" leg )                      ; the legs of a group ring together
    leg         = target [ "[" option *( "," option ) "]" ]
    target      = provider / user "@" place / uri / "<" uri ">"
    place       = ( name / "[" IPv6 "]" ) [ ":" port ] [ ";" parameters ]
    option      = key "=" ( value / quoted-string )

A ``target`` only says what was written. Which name is a provider, a served domain or a foreign host is
decided by the switch. Variables (``${dst}``) are put in *after* parsing, part by part, so nothing a caller
sends can add a leg or an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from sipwright.services.leg_options import OPTIONS, PLAIN, Kind, LegOptions, Text
from sipwright.services.script_headers import MAX_HEADERS, header

__all__ = [
    "MAX_WRITTEN",
    "DialLeg",
    "DialStringError",
    "Groups",
    "Target",
    "ToProvider",
    "ToUri",
    "ToUser",
    "escape_user",
    "expand",
    "format_dial_string",
    "parse_dial_string",
    "parse_target",
    "read_groups",
    "substitute",
    "write_groups",
]

MAX_LENGTH = 4096
"""Characters of a dial string of a script."""

MAX_WRITTEN = 1024 * 1024
"""Characters of one that we have written ourselves, from legs that are checked."""


class DialStringError(ValueError):
    """A dial string that cannot be understood: one sentence, and the place (from 0) where it goes wrong."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} at position {position + 1} of the dial string")
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class ToProvider:
    """``blueface``: the dialled user is sent to that provider."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ToUser:
    """``user@place``: a provider, ``local``, a served domain or a host (IPv6 is kept without its brackets).

    ``params`` is what stood behind it, with its leading semicolon.
    """

    user: str
    host: str
    port: int | None = None
    params: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if _is_ipv6(self.host) else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.user}@{host}{port}{self.params}"


@dataclass(frozen=True, slots=True)
class ToUri:
    """A whole ``sip:``, ``sips:`` or ``tel:`` URI."""

    uri: str

    def __str__(self) -> str:
        return f"<{self.uri}>"


Target = ToProvider | ToUser | ToUri


@dataclass(frozen=True, slots=True)
class DialLeg:
    """One target with its options."""

    target: Target
    options: LegOptions = PLAIN
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # It is asked for with each run that dials it, and made once where the dial string is a constant.
        options = str(self.options)
        text = f"{self.target}[{options}]" if options else str(self.target)
        object.__setattr__(self, "_text", text)

    def __str__(self) -> str:
        return self._text


Groups = tuple[tuple[DialLeg, ...], ...]


def parse_dial_string(text: str, *, most: int = MAX_LENGTH) -> Groups:
    """Read a dial string: groups that ring one after the other, each of legs that ring together.

    Raises:
        DialStringError: It is none; it says what is wrong, and where.
    """
    if len(text) > most:
        raise DialStringError(f"more than {most} characters", most)
    if control := _CONTROL.search(text):
        raise DialStringError("a control character", control.start())
    return _Parser(text).dial_string()


def parse_target(text: str) -> Target:
    """Read one target, with neither options nor a second leg behind it.

    Raises:
        DialStringError: It is none, or more than that.
    """
    groups = parse_dial_string(text)
    if len(groups) > 1 or len(groups[0]) > 1 or groups[0][0].options != PLAIN:
        raise DialStringError("more than one target", 0)
    return groups[0][0].target


def format_dial_string(groups: Groups) -> str:
    """Write groups so that ``parse_dial_string`` gives the same ones back."""
    return " | ".join(" & ".join(map(str, group)) for group in groups)


def write_groups(groups: Groups) -> list[list[str]]:
    """Return groups as they are stored: each leg as a dial string of its own."""
    return [[str(leg) for leg in group] for group in groups]


def read_groups(stored: Iterable[Iterable[str]]) -> Groups:
    """Read what ``write_groups`` gave.

    Raises:
        DialStringError: It is something else.
    """
    return tuple(
        tuple(leg for text in group for (leg,) in parse_dial_string(text, most=MAX_WRITTEN))
        for group in stored
    )


def expand(groups: Groups, variables: Mapping[str, str]) -> Groups:
    """Put the variables in, part by part, and make every user part fit to stand in a URI."""
    return tuple(tuple(_expand_leg(leg, variables) for leg in group) for group in groups)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``${name}`` and ``${name:n}`` (without its first n characters); names in any case."""
    if "${" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        name, skip = match[1].lower(), match[2]
        if name not in variables:
            raise DialStringError(f"unknown variable ${{{match[1]}}}", match.start())
        return variables[name][int(skip or 0) :]

    return _VARIABLE.sub(value, text)


def escape_user(text: str) -> str:
    """Percent-escape what may not stand in the user part of a URI (RFC 3261 §19.1.2) or of a dial string."""
    if _PLAIN_USER.fullmatch(text):
        return text
    return quote(_LONE_PERCENT.sub("%25", text), safe="-_.!~*'()+$;?/=%")


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_VARIABLE = re.compile(r"\$\{([A-Za-z]+)(?::(\d{1,4}))?\}")
_PLAIN_USER = re.compile(r"[A-Za-z0-9_.+*-]+")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BLANKS = re.compile(r"[ \t\r\n]*")
# A variable counts as one character of a name. The branches exclude each other: nothing is tried twice.
_NAME = re.compile(r"""(?:\$\{[A-Za-z]+(?::\d{1,4})?\}|[^\s@&|\[\],<>"{}:])+""")
_HOST = re.compile(r"""(?:\$\{[A-Za-z]+(?::\d{1,4})?\}|[^\s@&|\[\],<>"{}:;=?/])+""")
_PORT = re.compile(r":(\d{1,5})(?!\d)")
_PARAMS = re.compile(r"""(?:;(?:\$\{[A-Za-z]+(?::\d{1,4})?\}|[^\s&|\[\],<>"{};])+)+""")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\]")
_SCHEME = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_BARE_URI = re.compile(
    r"""(?:sips?|tel):(?:[^\s@&|\[\],<>"]+@)?(?:\[[0-9A-Fa-f:.]+\])?[^\s&|\[\],<>"]*""", re.I
)
_BRACKETED_URI = re.compile(r"<((?:sips?|tel):[^<>\s]+)>", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z_]+")
_QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)"')
_VALUE = re.compile(r'[^,\[\]"\r\n]*')
_HOST_CHARACTERS = re.compile(r"[^\s@&|\[\],<>\"{}:;=?/\x00-\x1f\x7f]+")


class _Parser:
    """Recursive descent over one dial string; every method leaves ``at`` behind what it has read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def dial_string(self) -> Groups:
        groups = [self.group()]
        while self.accept("|"):
            groups.append(self.group())
        if self.at < len(self.text):
            raise self.error("expected & or | or the end")
        return tuple(groups)

    def group(self) -> tuple[DialLeg, ...]:
        legs = [self.leg()]
        while self.accept("&"):
            legs.append(self.leg())
        return tuple(legs)

    def leg(self) -> DialLeg:
        self.skip_blanks()
        target = self.target()
        return DialLeg(target, self.options() if self.accept("[") else PLAIN)

    def target(self) -> Target:
        if bracketed := self.take(_BRACKETED_URI):
            return ToUri(bracketed[1])
        if _SCHEME.match(self.text, self.at) and (bare := self.take(_BARE_URI)):
            if bare[0].endswith(":"):
                raise self.error("expected the rest of the address")
            return ToUri(bare[0])
        start = self.at
        name = self.take(_NAME)
        if name is None:
            raise self.error("expected a provider, user@place or sip: address")
        if self.text.startswith("@", self.at):
            self.at += 1
            return self.place(name[0])
        if self.text.startswith(":", self.at):
            raise self.error("expected @ (a password has no place here)")
        if not _HOST.fullmatch(name[0]):
            raise DialStringError(f"{name[0][:40]!r} cannot be the name of a provider", start)
        return ToProvider(name[0])

    def place(self, user: str) -> ToUser:
        host = self.take(_IPV6)
        if host is None:
            host = self.take(_HOST)
            if host is None:
                raise self.error("expected a provider, domain or host behind @")
            name = host[0]
        else:
            name = host[1]
            if ":" not in name:
                raise DialStringError("expected an IPv6 address", host.start())
        port = self.take(_PORT)
        if port is not None and not 0 < int(port[1]) < 65_536:
            raise DialStringError("expected a port below 65536", port.start())
        params = self.take(_PARAMS)
        return ToUser(user, name, int(port[1]) if port else None, params[0] if params else "")

    def options(self) -> LegOptions:
        said: dict[str, float | bool | str] = {}
        headers: list[tuple[str, str]] = []
        while True:
            self.skip_blanks()
            start = self.at
            key = self.take(_KEY)
            if key is None:
                raise self.error("expected an option")
            name = _OPTION_NAMES.get(key[0].lower())
            if name is None:
                raise DialStringError(f"unknown option {key[0][:40]!r}", start)
            if name in said:
                raise DialStringError(f"option {name!r} is given twice", start)
            if not self.accept("="):
                raise self.error("expected =")
            if name == "header":
                headers.append(self.header())
                if len(headers) > MAX_HEADERS:
                    raise DialStringError(f"more than {MAX_HEADERS} headers", start)
            else:
                said[name] = self.value(OPTIONS[name].kind)
            if self.accept("]"):
                return LegOptions(**said, headers=tuple(headers))  # type: ignore[arg-type]  # as `OPTIONS` says
            if not self.accept(","):
                raise self.error("expected , or ]")

    def header(self) -> tuple[str, str]:
        self.skip_blanks()
        start = self.at
        text = str(self.value(_TEXT))
        name, colon, value = text.partition(":")
        if not colon:
            raise DialStringError(f"{text[:40]!r} is not {_EXPECTED_HEADER}", start)
        try:
            return header(name.strip(), value.strip())
        except ValueError as error:
            raise DialStringError(str(error), start) from None

    def value(self, kind: Kind) -> float | bool | str:
        self.skip_blanks()
        start = self.at
        if quoted := self.take(_QUOTED):
            text = re.sub(r"\\(.)", r"\1", quoted[1])
        else:
            plain = self.take(_VALUE)
            text = plain[0].strip() if plain else ""
        value = kind.read(text)
        if value is None:
            raise DialStringError(f"{text[:40]!r} is not {kind.expected}", start)
        return value

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def accept(self, character: str) -> bool:
        """Skip blanks, the character if it is next, and nothing else."""
        self.skip_blanks()
        if not self.text.startswith(character, self.at):
            return False
        self.at += 1
        return True

    def skip_blanks(self) -> None:
        self.take(_BLANKS)

    def error(self, message: str) -> DialStringError:
        return DialStringError(message, self.at)


_OPTION_NAMES = {name: name for name in (*OPTIONS, "header")} | {
    option.short: option.name for option in OPTIONS.values()
}
_TEXT = Text()
_EXPECTED_HEADER = 'a header such as "X-Queue: sales"'


def _expand_leg(leg: DialLeg, variables: Mapping[str, str]) -> DialLeg:
    options = leg.options.with_texts(lambda text: substitute(text, variables))
    return DialLeg(_expand_target(leg.target, variables), options)


def _expand_target(target: Target, variables: Mapping[str, str]) -> Target:
    match target:
        case ToProvider(name):
            return ToProvider(_as_host(substitute(name, variables)))
        case ToUser(user, host, port, params):
            user = escape_user(substitute(user, variables))
            if not user:
                raise DialStringError("a user that is empty", 0)
            params = quote(substitute(params, variables), safe="-_.!~*'()+$;?/=%:")
            return ToUser(
                user, host if _is_ipv6(host) else _as_host(substitute(host, variables)), port, params
            )
        case ToUri(uri):
            return ToUri(quote(substitute(uri, variables), safe="-_.!~*'()+$;?/=%:@&[],#"))


def _is_ipv6(host: str) -> bool:
    return ":" in host and "${" not in host


def _as_host(text: str) -> str:
    if not _HOST_CHARACTERS.fullmatch(text):
        raise DialStringError(f"{text[:40]!r} cannot be a provider, domain or host", 0)
    return text
