"""The filter of live events that people write: ``event call and user alice and regex 503``.

::

    filter    = all_of *( "or" all_of )
    all_of    = one *( [ "and" ] one )
    one       = "not" one | "(" filter ")" | word value | value
    word      = "event" | "user" | "call" | "node" | "account" | "provider" | "dialplan" | "from" | "to"
              | "text" | "regex"
    value     = anything without a blank or a parenthesis, or 'in quotes', or "in quotes"

``event call`` is every event of a call, ``event call.ended`` one kind of them; ``call`` takes the beginning of an id.
A value of no word is looked for anywhere in an event, as is that of ``text``, which may be a word itself; and so is a
``regex``, which `pattern.py` matches in bounded time. Nothing, and ``*``, is every event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sipwright.control.events import LOST, TYPES, Event
from sipwright.control.pattern import Pattern, PatternError

__all__ = ["JOINS", "WORDS", "FilterError", "read_filter"]

LONGEST = 500
"""Characters of a filter."""

MOST_DEEP = 20
"""How deep parentheses, and one *not* behind another, may go."""

MOST_WORDS = 50
"""Conditions of a filter."""

Test = Callable[[Event], bool]

WORDS = ("event", "user", "call", "node", "account", "provider", "dialplan", "from", "to", "text", "regex")
"""What may be asked of an event."""

JOINS = ("and", "or", "not")
"""What stands between conditions, and before one."""

_TOKEN = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|([^\s()"']+))""")


class FilterError(ValueError):
    """A filter that cannot be read; `position` is where in it, counted from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.position = position


class _Token(NamedTuple):
    text: str
    position: int
    is_quoted: bool = False

    @property
    def word(self) -> str:
        return "" if self.is_quoted else self.text.lower()


def read_filter(text: str) -> Test:
    """Return what says of an event whether somebody wants to see it.

    Raises:
        FilterError: It cannot be read.
    """
    if len(text) > LONGEST:
        raise FilterError(f"a filter has at most {LONGEST} characters", LONGEST)
    if text.strip() in ("", "*"):
        return _everything
    return _Reader(text).read()


def _everything(event: Event) -> bool:
    return True


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._end = len(text)
        self._at = 0
        self._depth = 0
        self._words = 0

    def read(self) -> Test:
        test = self._any_of()
        if (token := self._peek()) is not None:
            raise FilterError("there is a ')' without its '('", token.position)
        return test

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _takes(self, word: str) -> bool:
        token = self._peek()
        is_there = token is not None and token.word == word
        self._at += is_there
        return is_there

    def _has_one(self) -> bool:
        token = self._peek()
        return token is not None and token.word not in ("or", ")")

    def _any_of(self) -> Test:
        tests = [self._all_of()]
        while self._takes("or"):
            tests.append(self._all_of())
        if len(tests) == 1:
            return tests[0]
        return lambda event: any(test(event) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._takes("and") or self._has_one():
            tests.append(self._one())
        if len(tests) == 1:
            return tests[0]
        return lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        token = self._peek()
        if token is None:
            raise FilterError("the filter ends where a condition is missing, such as 'user alice'", self._end)
        self._at += 1
        if token.word == "not":
            self._deeper(token)
            inner = self._one()
            self._depth -= 1
            return lambda event: not inner(event)
        if token.word == "(":
            self._deeper(token)
            inner = self._any_of()
            if not self._takes(")"):
                raise FilterError("this '(' has no ')'", token.position)
            self._depth -= 1
            return inner
        if token.word in (")", *JOINS):
            raise FilterError(
                f"a condition is missing before {token.text!r}, such as 'user alice'", token.position
            )
        return self._condition(token)

    def _deeper(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > MOST_DEEP:
            raise FilterError(f"parentheses may stand {MOST_DEEP} deep in each other", token.position)

    def _condition(self, token: _Token) -> Test:
        self._words += 1
        if self._words > MOST_WORDS:
            raise FilterError(f"a filter has at most {MOST_WORDS} conditions", token.position)
        if token.word not in WORDS:
            return _says(token.text)
        value = self._peek()
        if value is None or value.word in ("(", ")", *JOINS):
            position = self._end if value is None else value.position
            raise FilterError(
                f"write what {token.word!r} is to be, in quotes if it has a parenthesis or is a word such as 'and'",
                position,
            )
        self._at += 1
        return _test_of(token.word, value)


def _test_of(word: str, value: _Token) -> Test:
    wanted = value.text.casefold()
    match word:
        case "event":
            if not any(one == wanted or one.startswith(wanted + ".") for one in (*TYPES, LOST)):
                raise FilterError(
                    f"there are no events {value.text!r}; there are {', '.join(TYPES)}", value.position
                )
            return lambda event: event.type == wanted or event.type.startswith(wanted + ".")
        case "user":
            return lambda event: (event.user or "").casefold() == wanted
        case "call":
            return lambda event: (event.call or "").casefold().startswith(wanted)
        case "node":
            return lambda event: event.node.casefold() == wanted
        case "text":
            return _says(value.text)
        case "regex":
            try:
                pattern = Pattern(value.text)
            except PatternError as error:
                raise FilterError(str(error), value.position + error.position + value.is_quoted) from None
            return lambda event: pattern.is_in(_text(event))
    return lambda event: _names(event.data.get(word), wanted)


def _names(value: object, wanted: str) -> bool:
    """Return whether a value is a name, or the one before its domain."""
    if not isinstance(value, str):
        return False
    known = value.casefold()
    return known == wanted or known.partition("@")[0] == wanted


def _says(text: str) -> Test:
    wanted = text.casefold()
    return lambda event: wanted in _text(event).casefold()


def _text(event: Event) -> str:
    """Return everything that an event says, as a line that can be searched; the names of its data are no part of it."""
    said = (str(value) for value in event.data.values() if value is not None)
    return " ".join((event.type, event.node, event.user or "", event.call or "", *said))


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise FilterError(f"this {text[start]} is not closed", start)
        parenthesis, double, single, plain = match.groups()
        quoted = double if double is not None else single
        group = 1 if parenthesis else 2 if double is not None else 3 if single is not None else 4
        start = match.start(group) - (quoted is not None)
        found.append(_Token(parenthesis or plain or quoted or "", start, quoted is not None))
        at = match.end()
    return found
