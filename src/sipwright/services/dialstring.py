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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from urllib.parse import quote

from sipwright.services.script_headers import MAX_HEADERS, header

__all__ = [
    "MAX_WRITTEN",
    "DialStringError",
    "Groups",
    "Leg",
    "LegOptions",
    "Target",
    "ToProvider",
    "ToUri",
    "ToUser",
    "escape_user",
    "expand",
    "format_dial_string",
    "parse_dial_string",
    "parse_target",
    "substitute",
]

MAX_LENGTH = 4096
"""Characters of a dial string of a script."""

MAX_WRITTEN = 1024 * 1024
"""Characters of one that we have written ourselves, from legs that are checked."""

MAX_DELAY = 120.0
MAX_LIMIT = 86_400.0


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
class LegOptions:
    """What ``[key=value]`` sets for one leg; None is "not said". Seconds are floats.

    ``headers`` are what the leg's own INVITE carries: ``[header="X-Queue: sales"]``, once for each.
    """

    delay: float | None = None
    limit: float | None = None
    mangle: bool | None = None
    from_name: str | None = None
    from_user: str | None = None
    from_host: str | None = None
    transfer: str | None = None
    redirect: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self == _NOTHING_SAID:
            return ""
        said = [(option.name, getattr(self, option.name)) for option in fields(self)[:-1]]
        said += [("header", f"{name}: {value}") for name, value in self.headers]
        return ",".join(f"{key}={_format_value(value)}" for key, value in said if value is not None)


_NOTHING_SAID = LegOptions()


@dataclass(frozen=True, slots=True)
class Leg:
    """One target with its options."""

    target: Target
    options: LegOptions = LegOptions()
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # It is asked for with each run that dials it, and made once where the dial string is a constant.
        options = str(self.options)
        text = f"{self.target}[{options}]" if options else str(self.target)
        object.__setattr__(self, "_text", text)

    def __str__(self) -> str:
        return self._text


Groups = tuple[tuple[Leg, ...], ...]


def parse_dial_string(text: str, *, most: int = MAX_LENGTH) -> Groups:
    """Read a dial string: groups that ring one after the other, each of legs that ring together."""
    if len(text) > most:
        raise DialStringError(f"more than {most} characters", most)
    if control := _CONTROL.search(text):
        raise DialStringError("a control character", control.start())
    return _Parser(text).dial_string()


def parse_target(text: str) -> Target:
    """Read one target, with neither options nor a second leg behind it."""
    groups = parse_dial_string(text)
    if len(groups) > 1 or len(groups[0]) > 1 or groups[0][0].options != LegOptions():
        raise DialStringError("more than one target", 0)
    return groups[0][0].target


def format_dial_string(groups: Groups) -> str:
    """Write groups so that ``parse_dial_string`` gives the same ones back."""
    return " | ".join(" & ".join(map(str, group)) for group in groups)


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
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
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

    def group(self) -> tuple[Leg, ...]:
        legs = [self.leg()]
        while self.accept("&"):
            legs.append(self.leg())
        return tuple(legs)

    def leg(self) -> Leg:
        self.skip_blanks()
        target = self.target()
        return Leg(target, self.options() if self.accept("[") else LegOptions())

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
                said[name] = self.value(name)
            if self.accept("]"):
                return LegOptions(**said, headers=tuple(headers))  # type: ignore[arg-type]
            if not self.accept(","):
                raise self.error("expected , or ]")

    def header(self) -> tuple[str, str]:
        self.skip_blanks()
        start = self.at
        text = str(self.value("header"))
        name, colon, value = text.partition(":")
        if not colon:
            raise DialStringError(f"{text[:40]!r} is not {_EXPECTED['header']}", start)
        try:
            return header(name.strip(), value.strip())
        except ValueError as error:
            raise DialStringError(str(error), start) from None

    def value(self, name: str) -> float | bool | str:
        self.skip_blanks()
        start = self.at
        if quoted := self.take(_QUOTED):
            text = re.sub(r"\\(.)", r"\1", quoted[1])
        else:
            plain = self.take(_VALUE)
            text = plain[0].strip() if plain else ""
        value = _READERS[name](text)
        if value is None:
            raise DialStringError(f"{text[:40]!r} is not {_EXPECTED[name]}", start)
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


def _seconds(text: str, most: float) -> float | None:
    value = float(text) if _SECONDS.fullmatch(text) else None
    return value if value is not None and value <= most else None


def _truth(text: str) -> bool | None:
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
        text.lower()
    )


def _text(text: str) -> str | None:
    return None if "\r" in text or "\n" in text else text


_TRANSFERS: dict[str, str] = {
    "refuse": "refuse",
    "n": "refuse",
    "pass": "pass",
    "p": "pass",
    "place": "place",
    "c": "place",
}
_REDIRECTS: dict[str, str] = {
    "follow": "follow",
    "a": "follow",
    "r": "follow",
    "return": "return",
    "m": "return",
    "rerun": "rerun",
    "n": "rerun",
}

_READERS: dict[str, Callable[[str], float | bool | str | None]] = {
    "delay": lambda text: _seconds(text, MAX_DELAY),
    "limit": lambda text: _seconds(text, MAX_LIMIT),
    "mangle": _truth,
    "from_name": _text,
    "from_user": _text,
    "from_host": _text,
    "transfer": lambda text: _TRANSFERS.get(text.lower()),
    "redirect": lambda text: _REDIRECTS.get(text.lower()),
    "header": _text,
}
_EXPECTED = {
    "delay": f"a number of seconds up to {MAX_DELAY:.0f}",
    "limit": f"a number of seconds up to {MAX_LIMIT:.0f}",
    "mangle": "true or false",
    "from_name": "a text on one line",
    "from_user": "a text on one line",
    "from_host": "a text on one line",
    "transfer": "refuse, pass or place",
    "redirect": "follow, return or rerun",
    "header": 'a header such as "X-Queue: sales"',
}
_SHORT_NAMES = {
    "dt": "delay",
    "cd": "limit",
    "ma": "mangle",
    "fd": "from_name",
    "fu": "from_user",
    "fh": "from_host",
    "tr": "transfer",
    "rm": "redirect",
}
_OPTION_NAMES = {name: name for name in _READERS} | _SHORT_NAMES


def _format_value(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _expand_leg(leg: Leg, variables: Mapping[str, str]) -> Leg:
    options = leg.options
    if any(text and "${" in text for text in (options.from_name, options.from_user, options.from_host)):
        options = replace(
            options,
            from_name=options.from_name and substitute(options.from_name, variables),
            from_user=options.from_user and substitute(options.from_user, variables),
            from_host=options.from_host and substitute(options.from_host, variables),
        )
    return Leg(_expand_target(leg.target, variables), options)


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
