"""Makes steps of the expressions of a script."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeGuard

from ...language.catalogue import FUNCTIONS, STORE_FUNCTIONS
from ..activation import ENDS
from .flow import Plan, comprehended, named, of_owner, plan_of, stored
from .operations import (
    ARITHMETIC,
    BUILTINS,
    CALLED,
    COMPARISONS,
    GOES_THROUGH,
    LARGEST,
    attribute,
    item,
    member,
)
from .scopes import Scope, names_of_target
from .steps import (
    Run,
    Step,
    applied,
    chosen,
    compared,
    constant,
    either,
    field,
    found,
    header,
    joined,
    leave,
    nothing,
    of_value,
)
from .texts import formatted

__all__ = ["Expressions", "is_constant"]

_GIVEN_LISTS = frozenset({"any", "all", "list", "sorted"})
_DISPLAYS = (ast.Tuple, ast.List, ast.Dict)


class Expressions:
    """Reads the expressions of one text; `place` says in which line of the listing a call stands, and at which byte."""

    def __init__(self, place: Callable[[ast.Call], tuple[int | None, int]]) -> None:
        self._place = place
        self.scope: Scope | None = None
        self.count = 0
        """How many statements and expressions were read."""

    def value(self, node: ast.expr) -> Step:
        """Return what computes a value."""
        self.count += 1
        match node:
            case ast.Constant():
                return constant(node.value) if is_constant(node) else leave(node)
            case ast.Name(id=name):
                return named(name, self.scope)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.BoolOp():
                return either(isinstance(node.op, ast.Or), [self.value(one) for one in node.values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand)
                return lambda run: not value(run)
            case ast.JoinedStr():
                return self._joined(node)
            case ast.BinOp() if (name := type(node.op).__name__) in ARITHMETIC:
                return self._computed(ARITHMETIC[name], node)
        return self._rarer(node)

    def _rarer(self, node: ast.expr) -> Step:
        match node:
            case ast.IfExp():
                return chosen(self.value(node.test), self.value(node.body), self.value(node.orelse))
            case ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members):
                kind = {ast.Tuple: tuple, ast.List: list, ast.Set: frozenset}[type(node)]
                values = [self._member(one, is_hashed=kind is frozenset) for one in members]
                return lambda run: kind([value(run) for value in values])
            case ast.Dict(keys=keys, values=members):
                return self._dict(node, keys, members)
            case ast.ListComp():
                return self._comprehension(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))) if number < LARGEST:
                return constant(-number)
        return leave(node)

    # What has members.

    def _attribute(self, node: ast.Attribute) -> Step:
        name = node.attr
        match node.value:
            case ast.Name(id="req" | "call" as owner):
                return field(owner, name) or leave(node)
        value = self.value(node.value)

        def take(run: Run) -> Any:
            owner = value(run)
            return plan_of(owner, name) if type(owner) is Plan else attribute(owner, name)

        return take

    def _member(self, node: ast.expr, *, is_hashed: bool = False) -> Step:
        """Make a member of a list: a list only where it is written out there."""
        value = self.value(node)
        if isinstance(node, _DISPLAYS) and not is_hashed:
            return value
        return lambda run: member(value(run))

    def _dict(self, node: ast.Dict, keys: list[ast.expr | None], members: list[ast.expr]) -> Step:
        pairs = [
            (self._member(key, is_hashed=True), self._member(one))
            for key, one in zip(keys, members, strict=True)
            if key is not None
        ]
        if len(pairs) < len(keys):
            return leave(node)
        return lambda run: {key(run): value(run) for key, value in pairs}

    def _subscript(self, node: ast.Subscript) -> Step:
        match node:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="req"), attr="headers"), slice=key):
                name = self.value(key)
                return lambda run: run.inputs.request.headers[name(run).lower()]
            case ast.Subscript(value=owner, slice=ast.Slice(lower=lower, upper=upper, step=None)):
                owned = self.value(owner)
                first, last = (nothing if one is None else self.value(one) for one in (lower, upper))
                return lambda run: item(owned(run), slice(first(run), last(run)))
            case ast.Subscript(slice=ast.Slice()):
                return leave(node)
        owned, place = self.value(node.value), self.value(node.slice)
        return lambda run: item(owned(run), place(run))

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Step:
        """Make a list."""
        if len(node.generators) != 1 or node.generators[0].is_async:
            return leave(node)
        (one,) = node.generators
        names = names_of_target(one.target)
        if names is None:
            return leave(node)
        members, around, before = self.value(one.iter), self.scope, self.count
        self.scope = Scope(frozenset(names), around)
        tests, value = [self.value(test) for test in one.ifs], self.value(node.elt)
        self.scope = around
        store = stored(names, is_tuple=not isinstance(one.target, ast.Name))
        cost = self.count - before + 1
        return comprehended(members, store, tests, value, cost, is_inner=around is not None)

    # What is computed.

    def _computed(self, compute: Callable[[Any, Any], Any], node: ast.BinOp) -> Step:
        left, right = self.value(node.left), self.value(node.right)
        return lambda run: compute(left(run), right(run))

    def _comparison(self, node: ast.Compare) -> Step:
        one = self.value(node.left)
        match node:
            case ast.Compare(
                ops=[ast.Is() | ast.IsNot() as operator], comparators=[ast.Constant(value=None)]
            ):
                wanted = isinstance(operator, ast.Is)
                return lambda run: (one(run) is None) is wanted
            case ast.Compare(ops=[ast.In() | ast.NotIn() as operator], comparators=[owner]):
                return found(one, self.value(owner), is_in=isinstance(operator, ast.In))
        names = [type(operator).__name__ for operator in node.ops]
        if not COMPARISONS.keys() >= set(names):
            return leave(node)
        others = zip(names, node.comparators, strict=True)
        return compared(one, [(COMPARISONS[name], self.value(other)) for name, other in others])

    def _joined(self, node: ast.JoinedStr) -> Step:
        parts: list[Step] = []
        for part in node.values:
            match part:
                case ast.Constant():
                    parts.append(constant(part.value))
                case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                    parts.append(self.value(value))
                case ast.FormattedValue(
                    value=value,
                    conversion=-1,
                    format_spec=ast.JoinedStr(values=[ast.Constant(value=str(how))]),
                ):
                    parts.append(self._formatted(value, how))
                case _:
                    return leave(node)
        return joined(parts)

    def _formatted(self, node: ast.expr, how: str) -> Step:
        value = self.value(node)
        return lambda run: formatted(value(run), how)

    # Calls.

    def _call(self, node: ast.Call) -> Step:
        if any(isinstance(one, ast.Starred) for one in node.args) or any(
            one.arg is None for one in node.keywords
        ):
            return leave(node)
        args = [self._argument(node, one) for one in node.args]
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                return self._ask(FUNCTIONS[name], node, args)
            case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if name in ENDS:
                return lambda run: run.end()
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in BUILTINS and args:
                return applied(BUILTINS[name], args, goes_through=name in GOES_THROUGH)
            case ast.Call(func=ast.Name(id="store")):
                return leave(node)
            case ast.Call(func=ast.Name()):
                return of_owner(self.value(node.func), None, args, self._named(node))
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return self._method(node, owner, name, args)
        return leave(node)

    def _argument(self, call: ast.Call, node: ast.expr) -> Step:
        """Compute an argument; a generator is gone through at once, as the interpreter does."""
        if not isinstance(node, ast.GeneratorExp):
            return self.value(node)
        match call.func:
            case ast.Name(id=name) if name in _GIVEN_LISTS and len(call.args) == 1:
                return self._comprehension(node)
            case ast.Attribute(value=ast.Constant(value=str()), attr="join"):
                return self._comprehension(node)
        return leave(node)

    def _method(self, node: ast.Call, owner: ast.expr, name: str, args: list[Step]) -> Step:
        match owner:
            case ast.Name(id="store") if name in STORE_FUNCTIONS:
                return self._ask(STORE_FUNCTIONS[name], node, args)
            case ast.Attribute(value=ast.Name(id="req"), attr="headers"):
                if name == "get" and not node.keywords and len(args) in (1, 2):
                    return header(args)
                return leave(node)
        if name in CALLED and isinstance(owner, ast.Constant):
            return of_value(name, self.value(owner), args) if not node.keywords else leave(node)
        return of_owner(self.value(owner), name, args, self._named(node))

    def _named(self, node: ast.Call) -> dict[str, Step]:
        return {one.arg: self.value(one.value) for one in node.keywords if one.arg is not None}

    def _ask(self, function: Callable[..., Any], node: ast.Call, args: list[Step]) -> Step:
        place = self._place(node)
        named = list(self._named(node).items())

        def ask(run: Run) -> Any:
            return run.ask(
                function, place, [value(run) for value in args], {name: value(run) for name, value in named}
            )

        return ask


def is_constant(node: ast.expr) -> TypeGuard[ast.Constant]:
    """Tell whether a value is written out, and of a kind that is known here."""
    match node:
        case ast.Constant(value=str() | bool() | None | float()):
            return True
        case ast.Constant(value=int(number)):
            return bool(number < LARGEST)
    return False
