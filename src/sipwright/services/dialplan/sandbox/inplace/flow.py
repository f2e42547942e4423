"""Steps that may be run again: loops, and the functions of a script and of the dialplans that it imports.

Each time they cost as many steps as stand in them, of which a run has a fixed number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .operations import COMPARISONS, called, iterated, member, weight
from .scopes import Scope
from .steps import Run, Step
from .texts import MOST_MEMBERS, LeaveError

__all__ = [
    "BREAK", "CONTINUE", "Function", "Pattern", "Plan", "assigned", "attempted", "comprehended", "defined", "equals",
    "looped", "matched", "named", "of_owner", "plan_of", "repeated", "returned", "stored",
]  # fmt: skip

MOST_DEPTH = 16
"""Functions that have been called by each other."""

BREAK, CONTINUE = object(), object()


class Returned:
    """A function is left with that value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Function(NamedTuple):
    """A function that a script has written, as it is read; its defaults are constants."""

    positional: tuple[str, ...]
    names: frozenset[str]
    defaults: dict[str, Any]
    body: Step
    cost: int

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the variables that it starts with."""
        names = dict(zip(self.positional, args, strict=False))
        if len(args) > len(self.positional) or not names.keys().isdisjoint(kwargs):
            raise LeaveError("arguments")
        names |= kwargs
        names |= {name: value for name, value in self.defaults.items() if name not in names}
        if names.keys() != self.names:
            raise LeaveError("arguments")
        return names


class _Closure:
    """A function, with the variables of those around it."""

    __slots__ = ("function", "outer")

    def __init__(self, function: Function, outer: tuple[dict[str, Any], ...]) -> None:
        self.function = function
        self.outer = outer


class Plan:
    """A dialplan that is imported, or all of them: its names."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}


# Names.


def named(name: str, scope: Scope | None) -> Step:
    """Be what a name means; one that means nothing yet is an error, and left to a worker."""
    depth = 0 if scope is None else scope.depth_of(name)
    if depth is None:
        return lambda run: run.script[name]
    if depth == 0:
        return lambda run: run.names[name]
    return lambda run: run.outer[-depth][name]


Store = Callable[[Run, Any], None]


def stored(names: list[str], *, is_tuple: bool) -> Store:
    """Give a name a meaning, or each of some one of as many values."""
    if not is_tuple:
        (name,) = names

        def store(run: Run, value: Any) -> None:
            run.names[name] = value

        return store

    def store_each(run: Run, value: Any) -> None:
        if type(value) not in (tuple, list) or len(value) != len(names):
            raise LeaveError("values for names")
        run.names.update(zip(names, value, strict=True))

    return store_each


def assigned(stores: list[Store], value: Step) -> Step:
    """Assign a value to each of some targets."""

    def assign(run: Run) -> None:
        found = value(run)
        for store in stores:
            store(run, found)

    return assign


# What is left early.


def returned(value: Step) -> Step:
    """Leave a function with a value."""
    return lambda run: Returned(value(run))


def attempted(body: Step, otherwise: Step, last: Step) -> Step:
    """Run a block, and another one in any case; whatever is raised leaves the script to a worker."""

    def attempt(run: Run) -> Any:
        how = body(run)
        if how is None:
            how = otherwise(run)
        after = last(run)
        return how if after is None else after

    return attempt


# What is chosen by a value.

Pattern = Callable[[Run, Any], bool]
"""Tells whether a value is what a case is for, and gives it the name that the case has for it."""


def equals(wanted: Any) -> Pattern:
    """Be for what is equal to a value that is written out."""
    is_equal = COMPARISONS["Eq"]
    return lambda run, value: is_equal(value, wanted)


def matched(subject: Step, cases: list[tuple[Pattern, Step, Step]]) -> Step:
    """Run the block of the first case that is for a value, and whose guard is true."""

    def match(run: Run) -> Any:
        value = subject(run)
        for is_for, guard, body in cases:
            if is_for(run, value) and guard(run):
                return body(run)
        return None

    return match


# Loops.


def looped(members: Step, store: Store, body: Step, otherwise: Step, cost: int) -> Step:
    """Run a block for each of some values."""

    def rounds(run: Run) -> Iterator[None]:
        for one in iterated(members(run)):
            run.spend(cost)
            store(run, one)
            yield

    return _in_rounds(rounds, body, otherwise)


def repeated(test: Step, body: Step, otherwise: Step, cost: int) -> Step:
    """Run a block as long as something is so."""

    def rounds(run: Run) -> Iterator[None]:
        while test(run):
            run.spend(cost)
            yield

    return _in_rounds(rounds, body, otherwise)


def _in_rounds(rounds: Callable[[Run], Iterator[None]], body: Step, otherwise: Step) -> Step:
    """Run a block in each round, and another one at the end, unless the first one has left."""

    def loop(run: Run) -> Any:
        for _ in rounds(run):
            how = body(run)
            if how is BREAK:
                return None
            if type(how) is Returned:
                return how
        return otherwise(run)

    return loop


def comprehended(
    members: Step, store: Store, tests: list[Step], value: Step, cost: int, *, is_inner: bool
) -> Step:
    """Make a list of what becomes of some values; its variables are its own."""

    def comprehend(run: Run) -> list[Any]:
        values = iterated(members(run))
        names, outer = run.names, run.outer
        run.names, run.outer = {}, (*outer, names) if is_inner else ()
        found: list[Any] = []
        for one in values:
            run.spend(cost)
            store(run, one)
            if all(test(run) for test in tests):
                found.append(member(value(run)))
                if len(found) > MOST_MEMBERS:
                    raise LeaveError("a long list")
        run.names, run.outer = names, outer
        return found

    return comprehend


# Functions.


def defined(name: str, function: Function, *, is_inner: bool) -> Step:
    """Give a function its name."""

    def define(run: Run) -> None:
        run.names[name] = _Closure(function, (*run.outer, run.names) if is_inner else ())

    return define


def of_owner(owner: Step, name: str | None, args: list[Step], kwargs: dict[str, Step]) -> Step:
    """Call a function of the script's own: a value, or what has that name in a plan; or a method of another value."""

    def call(run: Run) -> Any:
        callee = owner(run)
        if name is not None:
            if type(callee) is not Plan:
                return _method(run, callee, name, [value(run) for value in args], kwargs)
            callee = callee.names[name]
        given = [value(run) for value in args]
        return _call(run, callee, given, {name: value(run) for name, value in kwargs.items()})

    return call


def _method(run: Run, owner: Any, name: str, given: list[Any], kwargs: dict[str, Step]) -> Any:
    if kwargs:
        raise LeaveError("a method")
    run.spend(weight(owner, given))
    return called(owner, name, given)


def _call(run: Run, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if callee is Plan and not args and not kwargs:
        return Plan()
    if type(callee) is not _Closure or run.depth >= MOST_DEPTH:
        raise LeaveError("what is called, or too deep")
    function = callee.function
    run.spend(function.cost)
    names, outer = run.names, run.outer
    run.names, run.outer = function.bind(args, kwargs), callee.outer
    run.depth += 1
    how = function.body(run)
    run.depth -= 1
    run.names, run.outer = names, outer
    return how.value if type(how) is Returned else None


def plan_of(owner: Any, name: str) -> Any:
    """Take a name of a plan."""
    return owner.names[name]
