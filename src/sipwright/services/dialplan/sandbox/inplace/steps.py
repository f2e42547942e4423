"""Steps of a script that is computed in place: functions of a run, made once for all runs of a version.

A value's step returns it. A statement's returns None, or how the block is left that it stands in: by a `Returned`,
`BREAK` or `CONTINUE`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from ...language.values import Call, Inputs, Request
from .operations import called, contains, length, weight
from .texts import LONGEST, LeaveError, as_text

__all__ = [
    "Run", "Step", "applied", "block", "chosen", "compared", "constant", "decided", "done", "either", "field", "forget",
    "found", "header", "joined", "leave", "nothing", "of_value",
]  # fmt: skip


class Run(Protocol):
    """What steps act on.

    Attributes:
        names: The variables of the function that runs, or of the script.
        outer: Those of the functions around it, the innermost last.
        script: Those of the script.
    """

    names: dict[str, Any]
    outer: tuple[dict[str, Any], ...]
    script: dict[str, Any]
    depth: int
    inputs: Inputs

    def ask(
        self,
        function: Callable[..., Any],
        place: tuple[int | None, int],
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        """Do what one of our functions says, whose call stands in that line, and at that byte of the source."""

    def spend(self, steps: int) -> None:
        """Count what may be done again and again."""

    def end(self) -> NoReturn:
        """Be at the end."""


Step = Callable[[Run], Any]


def nothing(run: Run) -> None:
    """Do nothing."""


def leave(node: ast.AST) -> Step:
    """Leave the script to a worker, when it comes there."""
    what = type(node).__name__

    def leave(run: Run) -> NoReturn:
        raise LeaveError(what)

    return leave


# Statements.


def block(steps: list[Step]) -> Step:
    """Run statements one after the other, up to one that leaves the block."""
    if len(steps) == 1:
        return steps[0]

    def run_all(run: Run) -> Any:
        for step in steps:
            if (how := step(run)) is not None:
                return how
        return None

    return run_all


def done(value: Step) -> Step:
    """Compute a value for what it does."""

    def do(run: Run) -> None:
        value(run)

    return do


def decided(test: Step, then: Step, other: Step) -> Step:
    """Run one of two blocks."""
    return lambda run: then(run) if test(run) else other(run)


def forget(name: str) -> Step:
    """Let a name mean nothing that is known here."""

    def forget(run: Run) -> None:
        run.names.pop(name, None)

    return forget


# Values.


def constant(value: Any) -> Step:
    """Be a value that the script writes out."""
    return lambda run: value


def field(owner: str, name: str) -> Step | None:
    """Take a field of `req` or `call`; None where there is none of that name."""
    kind: type[Request | Call] = Request if owner == "req" else Call
    if name == "headers" or name not in kind._fields:
        return None
    place = kind._fields.index(name)
    if kind is Request:
        return lambda run: run.inputs.request[place]
    return lambda run: run.inputs.call[place]


def either(ends_with: bool, values: list[Step]) -> Step:
    """Take the first value that is true, or false, and otherwise the last one."""
    *first, last = values

    def either(run: Run) -> Any:
        for value in first:
            found = value(run)
            if bool(found) is ends_with:
                return found
        return last(run)

    return either


def chosen(test: Step, then: Step, other: Step) -> Step:
    """Take one of two values."""
    return lambda run: then(run) if test(run) else other(run)


def applied(function: Callable[..., Any], args: list[Step], *, goes_through: bool) -> Step:
    """Do something to one value, or to some."""
    if len(args) != 1:
        return lambda run: function(*[value(run) for value in args])
    (value,) = args
    if not goes_through:
        return lambda run: function(value(run))

    def apply(run: Run) -> Any:
        given = value(run)
        run.spend(length(given))
        return function(given)

    return apply


def joined(parts: list[Step]) -> Step:
    """Put a text together."""

    def join(run: Run) -> str:
        text = "".join([as_text(part(run)) for part in parts])
        if len(text) > LONGEST:
            raise LeaveError("a long text")
        if len(text) > 63:
            run.spend(len(text) >> 6)
        return text

    return join


def header(args: list[Step]) -> Step:
    """Take a header of the request, or what is there in its place."""
    name, default = args[0], args[1] if len(args) == 2 else nothing

    def get(run: Run) -> Any:
        key, value = name(run), default(run)
        return run.inputs.request.headers.get(key.lower(), value)

    return get


def of_value(name: str, owner: Step, args: list[Step]) -> Step:
    """Call a method of a value."""

    def of_value(run: Run) -> Any:
        value = owner(run)
        given = [one(run) for one in args]
        run.spend(weight(value, given))
        return called(value, name, given)

    return of_value


def found(value: Step, owner: Step, *, is_in: bool) -> Step:
    """Tell whether a value is in another one."""

    def look(run: Run) -> bool:
        one = value(run)
        is_there, steps = contains(owner(run), one)
        run.spend(steps)
        return is_there is is_in

    return look


def compared(left: Step, others: list[tuple[Callable[[Any, Any], bool], Step]]) -> Step:
    """Compare values, each with the next one, up to the first that is not so."""

    def compare(run: Run) -> bool:
        one = left(run)
        for is_so, step in others:
            other = step(run)
            if not is_so(one, other):
                return False
            one = other
        return True

    return compare
