"""Regular expressions that anybody may write: matched in time that grows with the text alone, whatever they are.

Python's own go back and forth, for centuries with ``(a+)+b``. Here a pattern becomes a machine with a state for each
place in it, and a text is gone through once with the set of the states that are possible; each set is worked out when
it is first met. Both the states and the sets have a bound. What there is: literals, ``.``, classes, ``\\d \\w \\s`` and
their opposites, groups, ``|``, ``* + ? {m,n}``, ``^``, ``$``. Small and capital letters are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Pattern", "PatternError"]

MOST_STATES = 500
"""Places in a pattern, repetitions written out."""

MOST_SETS = 1_000
"""Sets of states that are remembered; then all are forgotten."""

LONGEST = 200
"""Characters of a pattern."""

LONGEST_TEXT = 4_096
"""Characters of a text that are looked at."""

MOST_TIMES = 100
MOST_GROUPS = 20

Test = Callable[[str], bool]


class PatternError(ValueError):
    """A pattern that cannot be read; `position` is where in it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(slots=True, eq=False)
class _State:
    """A place in a pattern: a character that passes the test leads on, as do the other ways without one."""

    test: Test | None = None
    after: list[_State] = field(default_factory=list)
    at: str = ""
    """Where this may be passed without a character: ``^`` at the beginning, ``$`` at the end, else anywhere."""


class Pattern:
    """A pattern, ready to be looked for."""

    __slots__ = ("_first", "_last", "_sets")

    def __init__(self, text: str) -> None:
        """Read it.

        Raises:
            PatternError: It is none, or too large.
        """
        self._first, self._last = _Reader(text).read()
        self._sets: dict[tuple[frozenset[_State], str], frozenset[_State]] = {}

    def is_in(self, text: str) -> bool:
        """Return whether some part of a text is as the pattern says."""
        text = text[:LONGEST_TEXT].lower()
        begin = _closure([self._first], is_start=True, is_end=not text)
        states = begin
        if self._last in states:
            return True
        again = _closure([self._first], is_start=False, is_end=False)
        sets, end = self._sets, len(text) - 1
        for index, character in enumerate(text):
            if index == end:
                return self._last in self._step(states, character, is_end=True)
            key = (states, character)
            following = sets.get(key)
            if following is None:
                if len(sets) >= MOST_SETS:
                    sets.clear()
                following = sets[key] = self._step(states, character, is_end=False) | again
            states = following
            if self._last in states:
                return True
        return False

    def _step(self, states: frozenset[_State], character: str, *, is_end: bool) -> frozenset[_State]:
        on = [after for one in states if one.test is not None and one.test(character) for after in one.after]
        if is_end:
            on.append(self._first)  # nothing of what is left may do
        return _closure(on, is_start=False, is_end=is_end)


def _closure(states: list[_State], *, is_start: bool, is_end: bool) -> frozenset[_State]:
    """Return the states that are reached from others without a character."""
    found: set[_State] = set()
    waiting = list(states)
    while waiting:
        state = waiting.pop()
        if state in found:
            continue
        found.add(state)
        may_pass = state.test is None and (not state.at or (is_start if state.at == "^" else is_end))
        if may_pass:
            waiting += state.after
    return frozenset(found)


_Part = tuple[_State, _State]
"""A part of the machine, by its first state and its last."""

_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class _Reader:
    """Reads a pattern, and builds its machine."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise PatternError(f"a pattern has at most {LONGEST} characters", LONGEST)
        self._text = text
        self._at = 0
        self._states = 0
        self._depth = 0

    def read(self) -> _Part:
        part = self._choice()
        if self._at < len(self._text):
            raise PatternError("there is a ')' without its '('", self._at)
        return part

    def _new(self, test: Test | None = None, at: str = "") -> _State:
        self._states += 1
        if self._states > MOST_STATES:
            raise PatternError("the pattern is too large; use fewer repetitions", self._at)
        return _State(test, at=at)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise PatternError("the pattern ends in the middle", self._at)
        self._at += 1
        return character

    def _choice(self) -> _Part:
        first, last = self._new(), self._new()
        while True:
            begin, end = self._sequence()
            first.after.append(begin)
            end.after.append(last)
            if self._peek() != "|":
                return first, last
            self._at += 1

    def _sequence(self) -> _Part:
        first = last = self._new()
        while self._peek() not in ("", "|", ")"):
            begin, end = self._repeated()
            last.after.append(begin)
            last = end
        return first, last

    def _repeated(self) -> _Part:
        start = self._at
        part = self._one()
        end = self._at
        times = self._times()
        if times is None:
            return part
        if self._times() is not None:
            raise PatternError("one repetition follows another; put a group around the first", end)
        low, high = times
        first = last = self._new()
        stop = self._at
        copies = max(low, high if high is not None else low + 1, 1)
        skips: list[_State] = []
        for number in range(copies):
            if number:
                self._at = start
                part = self._one()
            begin, finish = part
            if number >= low:
                skips.append(last)
            last.after.append(begin)
            loop = self._new()
            finish.after.append(loop)
            if high is None and number == copies - 1:
                loop.after.append(begin)
            last = loop
        self._at = stop
        over = self._new()
        if copies and high != 0:
            last.after.append(over)
        for state in skips:
            state.after.append(over)
        return first, over

    def _times(self) -> tuple[int, int | None] | None:
        """Read how often what stands before is to be there; None is once."""
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._peek())
        if simple is not None:
            self._at += 1
            if self._peek() == "?":  # which way is tried first makes no difference here
                self._at += 1
            return simple
        if self._peek() != "{":
            return None
        start = self._at
        inside, brace, _ = self._text[self._at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not brace or not low.isdecimal() or not (high.isdecimal() or not high):
            raise PatternError("write {3}, {3,} or {3,5}, or \\{ for a brace", start)
        self._at += len(inside) + 2
        least, most = int(low[:9]), (int(high[:9]) if high else None) if comma else int(low[:9])
        if max(least, most or 0) > MOST_TIMES or (most is not None and most < least):
            raise PatternError(f"write how often, smallest first, and at most {MOST_TIMES} times", start)
        return least, most

    def _one(self) -> _Part:
        start = self._at
        character = self._take()
        if character == "(":
            return self._group(start)
        if character in "^$":
            state = self._new(at=character)
            return state, state
        if character in "*+?{":
            raise PatternError(f"there is nothing before {character!r} to repeat; write \\{character}", start)
        if character == "[":
            return self._character(self._class(start))
        if character == ".":
            return self._character(lambda _: True)
        if character == "\\":
            return self._character(self._escape())
        return self._character(_same(character))

    def _group(self, start: int) -> _Part:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._peek() == "?":
            raise PatternError("a group cannot begin with '?' here", start)
        self._depth += 1
        if self._depth > MOST_GROUPS:
            raise PatternError(f"groups may stand {MOST_GROUPS} deep in each other", start)
        part = self._choice()
        if self._peek() != ")":
            raise PatternError("this '(' has no ')'", start)
        self._at += 1
        self._depth -= 1
        return part

    def _character(self, test: Test) -> _Part:
        state, after = self._new(test), self._new()
        state.after.append(after)
        return state, after

    def _escape(self) -> Test:
        character = self._take()
        known = _CLASSES.get(character.lower())
        if known is not None:
            return known if character.islower() else lambda other: not known(other)
        if character.isalnum() and character not in _ESCAPES:
            raise PatternError(f"\\{character} is not known here", self._at - 2)
        return _same(_ESCAPES.get(character, character))

    def _class(self, start: int) -> Test:
        is_not = self._peek() == "^"
        self._at += is_not
        tests: list[Test] = []
        while True:
            if not self._peek():
                raise PatternError("this '[' has no ']'", start)
            character = self._take()
            if character == "]" and tests:
                break
            if character == "\\":
                tests.append(self._escape())
            elif self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                tests.append(_between(character, self._take(), self._at))
            else:
                tests.append(_same(character))
        found = tuple(tests)
        return lambda other: any(test(other) for test in found) is not is_not


def _same(character: str) -> Test:
    wanted = character.lower()
    return wanted.__eq__


def _between(low: str, high: str, position: int) -> Test:
    if high < low:
        raise PatternError(f"{low}-{high} is the wrong way round", position - 1)
    return lambda other: low <= other <= high or low <= other.upper() <= high
