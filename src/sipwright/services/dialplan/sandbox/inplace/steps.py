"""Steps of a script that is computed in place: functions of a run, made once for all runs of a version."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from ...language.values import Call, Inputs, Request
from .operations import LeaveError, called, plus

__all__ = [
    "Run", "Step", "applied", "compared", "constant", "either", "field", "forget", "header", "leave", "nothing",
    "of_value", "total",
]  # fmt: skip


class Run(Protocol):
    """What steps act on."""

    names: dict[str, Any]
    inputs: Inputs

    def ask(
        self, function: Callable[..., Any], place: tuple[int, int], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Do what one of our functions says, whose call stands in that line, and at that byte of the source."""

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


def forget(name: str) -> Step:
    """Let a name mean nothing that is known here."""
    return lambda run: run.names.pop(name, None)


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


def total(left: Step, right: Step) -> Step:
    """Add two values."""
    return lambda run: plus(left(run), right(run))


def applied(function: Callable[[Any], Any], args: list[Step]) -> Step:
    """Do something to one value."""
    (value,) = args
    return lambda run: function(value(run))


def header(args: list[Step]) -> Step:
    """Take a header of the request, or what is there in its place."""
    name, default = args[0], args[1] if len(args) == 2 else nothing

    def get(run: Run) -> Any:
        key, value = name(run), default(run)
        return run.inputs.request.headers.get(key.lower(), value)

    return get


def of_value(name: str, owner: Step, args: list[Step]) -> Step:
    """Call a method of a value."""
    return lambda run: called(owner(run), name, [value(run) for value in args])


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
