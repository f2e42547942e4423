"""The filter language of events: ``event call and user alice and regex 503``.

A filter is terms with ``and``, ``or`` and ``not`` between them, and brackets; ``and`` need not be written. A term is
``event WHAT`` (a type such as ``call.answered``, or its first half), ``user NAME``, ``call ID`` (its beginning), ``node
NAME``, ``regex PATTERN``, or a text that is looked for everywhere. Texts with blanks stand in quotation marks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from sipwright.control.events import LOST, TYPES, Event
from sipwright.usecases.errors import Invalid

__all__ = ["EventFilter", "read_filter"]

EventFilter = Callable[[Event], bool]

_LONGEST = 500
_MOST_LOOKED_AT = 2_000
"""Characters of an event that a pattern is tried on."""

_NESTED = re.compile(r"[*+}?]\s*\)\s*[*+{]")
"""What makes a pattern take for ever: a repetition of what repeats."""


def read_filter(text: str) -> EventFilter:
    """Read a filter.

    Raises:
        Invalid: It is none.
    """
    if len(text) > _LONGEST:
        raise Invalid.of("q", f"a filter has {_LONGEST} characters at most")
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="()")
        lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
        words = list(lexer)
    except ValueError:
        raise Invalid.of("q", "a quotation mark is not closed; write regex '5.. Busy'") from None
    return _Reader(words).whole()


class _Reader:
    """Reads the words of a filter from left to right."""

    def __init__(self, words: list[str]) -> None:
        self._words = words[::-1]

    def whole(self) -> EventFilter:
        """Return the filter that all words make."""
        if not self._words:
            return lambda event: True
        found = self._either()
        if self._words:
            raise Invalid.of("q", f"{self._words[-1]!r} closes nothing; leave it out")
        return found

    def _either(self) -> EventFilter:
        found = [self._all()]
        while self._next() == "or":
            self._words.pop()
            found.append(self._all())
        return found[0] if len(found) == 1 else lambda event: any(one(event) for one in found)

    def _all(self) -> EventFilter:
        found = [self._one()]
        while self._next() not in ("or", ")", ""):
            if self._next() == "and":
                self._words.pop()
            found.append(self._one())
        return found[0] if len(found) == 1 else lambda event: all(one(event) for one in found)

    def _one(self) -> EventFilter:
        word = self._word("a filter ends too early; write one such as: event call and user alice")
        if word.lower() == "not":
            inner = self._one()
            return lambda event: not inner(event)
        if word == "(":
            inner = self._either()
            if self._next() != ")":
                raise Invalid.of("q", "a bracket is not closed")
            self._words.pop()
            return inner
        if word.lower() in ("and", "or", ")"):
            raise Invalid.of("q", f"before {word!r} something is missing; write: event call and user alice")
        if word.lower() in _TERMS:
            name = word.lower()
            return _TERMS[name](self._word(f"after {name!r} something is missing; write {_EXAMPLES[name]}"))
        return _has(word)

    def _next(self) -> str:
        return self._words[-1].lower() if self._words else ""

    def _word(self, missing: str) -> str:
        if not self._words:
            raise Invalid.of("q", missing)
        return self._words.pop()


def _is_event(what: str) -> EventFilter:
    wanted = what.lower()
    if not any(kind == wanted or kind.startswith(f"{wanted}.") for kind in (*TYPES, LOST)):
        raise Invalid.of("q", f"there is no event {what!r}; there are {', '.join(TYPES)}")
    return lambda event: event.type == wanted or event.type.startswith(f"{wanted}.")


def _is_of_user(name: str) -> EventFilter:
    return lambda event: event.user == name


def _is_of_call(call: str) -> EventFilter:
    return lambda event: (event.call or "").startswith(call)


def _is_of_node(name: str) -> EventFilter:
    return lambda event: event.node == name


def _fits(pattern: str) -> EventFilter:
    if _NESTED.search(pattern):
        raise Invalid.of("q", f"{pattern!r} repeats what repeats, which takes too long; write it more simply")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise Invalid.of("q", f"{pattern!r} is no regular expression: {error}") from None
    return lambda event: compiled.search(_text(event)) is not None


def _has(word: str) -> EventFilter:
    wanted = word.lower()
    return lambda event: wanted in _text(event).lower()


def _text(event: Event) -> str:
    parts = [event.type, event.user or "", event.call or "", *(str(value) for value in event.data.values())]
    return " ".join(parts)[:_MOST_LOOKED_AT]


_TERMS: dict[str, Callable[[str], EventFilter]] = {
    "event": _is_event,
    "user": _is_of_user,
    "call": _is_of_call,
    "node": _is_of_node,
    "regex": _fits,
}

_EXAMPLES = {
    "event": "event call",
    "user": "user alice",
    "call": "call 5f0c",
    "node": "node node1",
    "regex": "regex 503",
}
