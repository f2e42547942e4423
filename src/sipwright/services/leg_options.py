"""What can be set for one leg: `LegOptions` is the one list of it.

A field says how its option is called for short and of which kind it is. All else is done by kind: reading it from a
dial string and writing it there (``dialstring.py``), taking it as an argument of ``dial()`` or ``leg()``
(``dialplan/language/leg_arguments.py``), storing it with a leg. A new option is a new field at the end, a parameter
in ``names.pyi``, a line in ``docs/dialplans.md``, and whatever makes it true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

__all__ = [
    "MAX_DELAY", "MAX_LIMIT", "OPTIONS", "PLAIN", "Choice", "Host", "Kind", "LegOptions", "Option", "Seconds", "Text",
    "Truth",
]  # fmt: skip

MAX_DELAY = 120.0
MAX_LIMIT = 86_400.0

Value = float | bool | str


class Kind:
    """How the values of an option look; `expected` says it in a sentence."""

    expected = ""

    def read(self, text: str) -> Value | None:
        """Read a value from a dial string; None when the text is none."""
        raise NotImplementedError

    def write(self, value: Any) -> str:
        """Write a value so that `read` gives it back, once the dial string has taken the quotes away."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


class Seconds(Kind):
    """A duration; `may_be_zero` when a script may say so too."""

    def __init__(self, most: float, *, may_be_zero: bool = False) -> None:
        self.most = most
        self.may_be_zero = may_be_zero
        self.expected = f"a number of seconds up to {most:.0f}"

    def read(self, text: str) -> Value | None:
        """Read a decimal number."""
        value = float(text) if _SECONDS.fullmatch(text) else None
        return value if value is not None and value <= self.most else None

    def write(self, value: float) -> str:
        """Write a decimal number, in milliseconds at the finest."""
        return f"{value:.3f}".rstrip("0").rstrip(".")


class Truth(Kind):
    """Yes or no."""

    expected = "true or false"

    def read(self, text: str) -> Value | None:
        """Read the usual words, in any case."""
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            text.lower()
        )

    def write(self, value: bool) -> str:
        """Write true or false."""
        return "true" if value else "false"


class Text(Kind):
    """A text, in which variables are replaced."""

    expected = "a text on one line"

    def read(self, text: str) -> Value | None:
        """Read what is on one line."""
        return None if "\r" in text or "\n" in text else text


class Host(Text):
    """A text that is the name of a host, once its variables are replaced."""


class Choice(Kind):
    """A choice among words, each of which has short forms for dial strings."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = tuple(words)
        self._read = {word: word for word in words}
        for word, short_forms in words.items():
            self._read |= dict.fromkeys(short_forms, word)
        self.expected = f"{', '.join(self.words[:-1])} or {self.words[-1]}"

    def read(self, text: str) -> Value | None:
        """Read a word, in any case."""
        return self._read.get(text.lower())


class Option(NamedTuple):
    """A field of `LegOptions`; one that is not `for_all` is an option of `leg()`, and not of `dial()`."""

    name: str
    short: str
    kind: Kind
    for_all: bool = True


def _option(short: str, kind: Kind, *, for_all: bool = True) -> Any:
    return field(default=None, metadata={"option": (short, kind, for_all)})


@dataclass(frozen=True, slots=True)
class LegOptions:
    """What ``[key=value]`` sets for one leg; None is "not said". Seconds are floats.

    `mangle` is whether addresses in the SDP may be replaced.
    `transfer` is whether a REFER crosses ("pass"), is refused ("refuse") or carried out by the switch ("place"); when
    nothing is said, the switch carries out what phones of ours ask for, and refuses all others.
    `redirect` is who follows a 3xx: the switch ("follow") or the script.
    `early` is whether the caller hears what is played before the answer.
    `headers` are what the leg's own INVITE carries: ``[header="X-Queue: sales"]``, once for each.
    """

    delay: float | None = _option("dt", Seconds(MAX_DELAY, may_be_zero=True), for_all=False)
    limit: float | None = _option("cd", Seconds(MAX_LIMIT))
    mangle: bool | None = _option("ma", Truth())
    from_name: str | None = _option("fd", Text())
    from_user: str | None = _option("fu", Text())
    from_host: str | None = _option("fh", Host())
    transfer: str | None = _option("tr", Choice({"refuse": "n", "pass": "p", "place": "c"}))
    redirect: str | None = _option("rm", Choice({"follow": "ar", "return": "m", "rerun": "n"}))
    early: bool | None = _option("em", Truth())
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self == PLAIN:
            return ""
        said = [f"{option.name}={option.kind.write(value)}" for option, value in self.said()]
        said += [f"header={_TEXT.write(f'{name}: {value}')}" for name, value in self.headers]
        return ",".join(said)

    def said(self) -> list[tuple[Option, Any]]:
        """Return the options that are set, but for headers."""
        values = ((option, getattr(self, name)) for name, option in OPTIONS.items())
        return [(option, value) for option, value in values if value is not None]

    @property
    def follows_redirects(self) -> bool:
        """A 3xx is followed without asking the script."""
        return self.redirect is None or self.redirect == "follow"

    def with_defaults(self, defaults: LegOptions) -> LegOptions:
        """Return these options, and of the defaults those that are not among them; headers have no defaults."""
        if defaults is PLAIN:
            return self
        more = {option.name: value for option, value in defaults.said() if getattr(self, option.name) is None}
        return replace(self, **more) if more else self

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> LegOptions:
        """Return these options with the headers of `dial()`, but for those that the leg has of its own."""
        own = {name.lower() for name, _ in self.headers}
        more = tuple(pair for pair in headers if pair[0].lower() not in own)
        return replace(self, headers=self.headers + more) if more else self

    def with_texts(self, change: Callable[[str], str]) -> LegOptions:
        """Return these options with each text changed."""
        changed: dict[str, Any] = {
            option.name: text
            for option, value in self.said()
            if isinstance(option.kind, Text) and (text := change(value)) != value
        }
        return replace(self, **changed) if changed else self

    def to_state(self) -> dict[str, Any]:
        """Return what is stored with a leg: what was said, by name."""
        state: dict[str, Any] = {option.name: value for option, value in self.said()}
        if self.headers:
            state["headers"] = self.headers
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LegOptions:
        """Read what `to_state` gave."""
        headers = tuple((name, value) for name, value in state.get("headers", ()))
        return cls(**{**state, "headers": headers})


OPTIONS: Mapping[str, Option] = {
    each.name: Option(each.name, *each.metadata["option"])
    for each in fields(LegOptions)
    if "option" in each.metadata
}
"""Every option but the headers, by its name."""

PLAIN = LegOptions()
"""Nothing is said."""

_TEXT = Text()
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
