"""Makes steps of a script's syntax tree: functions of a run, which read its tree and execute no Python of it.

What is not known here becomes a step that leaves (`LeaveError`) when the script comes there: so a script is computed in
place as far as its way goes, whatever it may say elsewhere. There are no loops, so each step runs once at most, and a
script is over in less than a millisecond.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sipwright.services.linking import parse

from ...language.catalogue import FUNCTIONS
from ..activation import ENDS
from .operations import (
    BUILTINS,
    CALLED,
    COMPARISONS,
    LONGEST,
    LeaveError,
    as_text,
    attribute,
    item,
    member,
    plus,
)
from .steps import (
    Run,
    Step,
    applied,
    compared,
    constant,
    either,
    field,
    forget,
    header,
    leave,
    nothing,
    of_value,
    total,
)

__all__ = ["LONGEST_SOURCE", "read"]

LONGEST_SOURCE = 8_192
"""Characters: reading a tree takes a microsecond for some of them, and all calls wait for it."""

_OURS = frozenset({*FUNCTIONS, *BUILTINS, *ENDS, "req", "call", "store"})
"""Names that mean what they say as long as a script gives them no other meaning."""


def read(source: str) -> Step | None:
    """Return a script as one step; None for one that is left to the workers as it is."""
    if len(source) > LONGEST_SOURCE or "\r" in source or "\f" in source:
        return None
    tree = parse(source)
    if tree is None or not _OURS.isdisjoint(_bound(tree)):
        return None
    try:
        return _Reader(source).block(tree.body)
    except RecursionError:  # deeper than anybody writes
        return None


def _bound(tree: ast.AST) -> Iterator[str]:
    """Return every name that a script gives a meaning, wherever it does."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name="*"):
                yield "req"  # who knows
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name


class _Reader:
    """Reads one script."""

    def __init__(self, source: str) -> None:
        self._starts = [0]
        for line in source.split("\n"):
            self._starts.append(self._starts[-1] + len(line.encode("utf-8", "replace")) + 1)

    def block(self, statements: Iterable[ast.stmt]) -> Step:
        """Run statements one after the other."""
        steps = [self._statement(one) for one in statements]
        if len(steps) == 1:
            return steps[0]

        def run_all(run: Run) -> None:
            for step in steps:
                step(run)

        return run_all

    # Statements.

    def _statement(self, node: ast.stmt) -> Step:
        match node:
            case ast.Expr(value=value):
                return self._value(value)
            case ast.If():
                return self._if(node)
            case ast.Assign(targets=targets, value=value) if all(
                isinstance(one, ast.Name) for one in targets
            ):
                return self._assign(
                    [one.id for one in targets if isinstance(one, ast.Name)], self._value(value)
                )
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                return self._add(name, self._value(value))
            case ast.Try():
                return self.block([*node.body, *node.orelse, *node.finalbody])  # whatever is raised leaves
            case ast.Pass():
                return nothing
            case ast.FunctionDef(decorator_list=[], args=ast.arguments(defaults=[], kw_defaults=[])):
                return forget(node.name)  # who calls it leaves
        return leave(node)

    def _if(self, node: ast.If) -> Step:
        test, then, other = self._value(node.test), self.block(node.body), self.block(node.orelse)

        def decide(run: Run) -> None:
            if test(run):
                then(run)
            else:
                other(run)

        return decide

    def _assign(self, names: list[str], value: Step) -> Step:
        def assign(run: Run) -> None:
            found = value(run)
            for name in names:
                run.names[name] = found

        return assign

    def _add(self, name: str, value: Step) -> Step:
        def add(run: Run) -> None:
            run.names[name] = plus(run.names[name], value(run))

        return add

    # Values.

    def _value(self, node: ast.expr) -> Step:
        match node:
            case ast.Constant(value=str() | bool() | None | float()):
                return constant(node.value)
            case ast.Constant(value=int(number)) if number < 2**31:
                return constant(number)
            case ast.Name(id=name):
                return lambda run: run.names[name]
            case ast.Attribute(value=ast.Name(id="req" | "call" as owner), attr=name):
                return field(owner, name) or leave(node)
            case ast.Attribute(value=owner, attr=name):
                value = self._value(owner)
                return lambda run: attribute(value(run), name)
            case ast.Call():
                return self._call(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.BoolOp():
                return either(isinstance(node.op, ast.Or), [self._value(one) for one in node.values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self._value(operand)
                return lambda run: not value(run)
            case ast.JoinedStr():
                return self._joined(node)
            case ast.BinOp(op=ast.Add()):
                return total(self._value(node.left), self._value(node.right))
        return self._rarer(node)

    def _rarer(self, node: ast.expr) -> Step:
        match node:
            case ast.IfExp():
                return self._choice(node)
            case ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members):
                kind = {ast.Tuple: tuple, ast.List: list, ast.Set: frozenset}[type(node)]
                values = [self._value(one) for one in members]
                return lambda run: kind([member(value(run)) for value in values])
            case ast.Dict(keys=keys, values=members) if None not in keys:
                pairs = [
                    (self._value(key), self._value(one))
                    for key, one in zip(keys, members, strict=True)
                    if key
                ]
                return lambda run: {member(key(run)): member(value(run)) for key, value in pairs}
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="req"), attr="headers"), slice=key):
                name = self._value(key)
                return lambda run: run.inputs.request.headers[name(run).lower()]
            case ast.Subscript(value=owner, slice=ast.Slice(lower=lower, upper=upper, step=None)):
                owned = self._value(owner)
                first, last = (nothing if one is None else self._value(one) for one in (lower, upper))
                return lambda run: item(owned(run), slice(first(run), last(run)))
            case ast.Subscript(value=owner, slice=key):
                owned, place = self._value(owner), self._value(key)
                return lambda run: item(owned(run), place(run))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))) if number < 2**31:
                return constant(-number)
        return leave(node)

    def _choice(self, node: ast.IfExp) -> Step:
        test, then, other = self._value(node.test), self._value(node.body), self._value(node.orelse)
        return lambda run: then(run) if test(run) else other(run)

    def _comparison(self, node: ast.Compare) -> Step:
        one = self._value(node.left)
        match node:
            case ast.Compare(
                ops=[ast.Is() | ast.IsNot() as operator], comparators=[ast.Constant(value=None)]
            ):
                wanted = isinstance(operator, ast.Is)
                return lambda run: (one(run) is None) is wanted
        if any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
            return leave(node)
        found = zip(node.ops, node.comparators, strict=True)
        return compared(one, [(COMPARISONS[type(how).__name__], self._value(other)) for how, other in found])

    def _joined(self, node: ast.JoinedStr) -> Step:
        parts: list[Step] = []
        for part in node.values:
            match part:
                case ast.Constant():
                    parts.append(constant(part.value))
                case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                    parts.append(self._value(value))
                case _:
                    return leave(node)

        def join(run: Run) -> str:
            text = "".join([as_text(part(run)) for part in parts])
            if len(text) > LONGEST:
                raise LeaveError("a long text")
            return text

        return join

    # Calls.

    def _call(self, node: ast.Call) -> Step:
        if any(isinstance(one, ast.Starred) for one in node.args) or any(
            one.arg is None for one in node.keywords
        ):
            return leave(node)
        args = [self._value(one) for one in node.args]
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                return self._ask(FUNCTIONS[name], node, args)
            case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if name in ENDS:
                return lambda run: run.end()
            case ast.Call(func=ast.Name(id=name), args=[_], keywords=[]) if name in BUILTINS:
                return applied(BUILTINS[name], args)
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="req"), attr="headers"), attr="get"),
                keywords=[],
            ) if len(args) in (1, 2):
                return header(args)
            case ast.Call(func=ast.Attribute(value=owner, attr=name), keywords=[]) if name in CALLED:
                return of_value(name, self._value(owner), args)
        return leave(node)

    def _ask(self, function: Callable[..., Any], node: ast.Call, args: list[Step]) -> Step:
        place = node.lineno, self._starts[node.lineno - 1] + node.col_offset
        named = [(one.arg or "", self._value(one.value)) for one in node.keywords]

        def ask(run: Run) -> Any:
            return run.ask(
                function, place, [value(run) for value in args], {name: value(run) for name, value in named}
            )

        return ask
