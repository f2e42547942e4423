"""Makes steps of a script's syntax tree: functions of a run, which read its tree and execute no Python of it.

What is not known here becomes a step that leaves (`LeaveError`) when the script comes there: so a script is computed in
place as far as its way goes, whatever it may say elsewhere. What may be run again costs a run steps, of which it has a
fixed number, so a script is over in about a millisecond.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from sipwright.services.linking import parse

from ...language.catalogue import FUNCTIONS
from ..activation import ENDS
from ..program import FIRST, PRELUDE, Program
from .expressions import Expressions, is_constant
from .flow import (
    BREAK,
    CONTINUE,
    Function,
    Pattern,
    Plan,
    Store,
    assigned,
    attempted,
    defined,
    equals,
    looped,
    matched,
    repeated,
    returned,
    stored,
)
from .operations import ARITHMETIC, BUILTINS, put
from .scopes import Scope, bound, names_of_target, nodes_of_own
from .steps import Run, Step, block, constant, decided, done, forget, leave, nothing

__all__ = ["LONGEST_SOURCE", "read"]

LONGEST_SOURCE = 8_192
"""Characters of a script with all that it imports: reading takes a microsecond for some, and all calls wait for it."""

MOST_NODES = 3_000
"""Statements and expressions, of which a text that somebody has written has one for six characters."""

_OURS = frozenset({*FUNCTIONS, *BUILTINS, *ENDS, "req", "call", "store"})
"""Names that mean what they say as long as a script gives them no other meaning."""

_PLAN = "_SipwrightPlan"


def read(program: Program) -> Step | None:
    """Return a script as one step; None for one that is left to the workers as it is."""
    head = PRELUDE if program.has_headers else ""
    imported, source = program.prelude[len(head) :], program.source
    if len(source) + len(imported) > LONGEST_SOURCE or not {"\r", "\f"}.isdisjoint(source + imported):
        return None
    trees = [parse(imported), parse(source)]
    if any(tree is None or not _is_plain(tree) for tree in trees):
        return None
    first, main = (tree.body for tree in trees if tree is not None)
    try:
        before = _Reader(imported, program, len(head.encode())).plans(first)
        return block([*before, _Reader(source, program, None).block(main)])
    except RecursionError:  # deeper than anybody writes
        return None


def _is_plain(tree: ast.Module) -> bool:
    """Tell whether our names mean what they say, and whose a name is can be seen by where it is assigned."""
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.NamedExpr) for node in nodes) or not _OURS.isdisjoint(bound(nodes)):
        return False
    return sum(isinstance(node, ast.stmt | ast.expr) for node in nodes) <= MOST_NODES


class _Reader:
    """Reads one text: the script, or with the number of bytes before it what the script imports."""

    def __init__(self, source: str, program: Program, before: int | None) -> None:
        self._program = program
        self._is_script = before is None
        self._starts = [before or 0]
        for line in source.split("\n"):
            self._starts.append(self._starts[-1] + len(line.encode("utf-8", "replace")) + 1)
        self._expressions = Expressions(self._place)
        self._value = self._expressions.value

    def _place(self, node: ast.Call) -> tuple[int | None, int]:
        start = self._starts[node.lineno - 1] + node.col_offset
        return node.lineno if self._is_script else self._program.line_of(FIRST, start), start

    def plans(self, statements: list[ast.stmt]) -> list[Step]:
        """Return what gives the dialplans that are imported their names, as they were linked."""
        if not statements:
            return []
        return [assigned([stored([_PLAN], is_tuple=False)], constant(Plan)), self.block(statements[1:])]

    def block(self, statements: Iterable[ast.stmt]) -> Step:
        """Run statements one after the other."""
        steps = [self._statement(one) for one in statements]
        return block(steps) if steps else nothing

    def _statement(self, node: ast.stmt) -> Step:
        self._expressions.count += 1
        match node:
            case ast.Expr(value=value):
                return done(self._value(value))
            case ast.If():
                return decided(self._value(node.test), self.block(node.body), self.block(node.orelse))
            case ast.Assign():
                return self._assign(node)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                return self._compute(node, name, type(op).__name__, self._value(value))
            case ast.Return(value=value):
                return returned(nothing if value is None else self._value(value))
            case ast.For() | ast.While():
                return self._loop(node)
            case ast.FunctionDef():
                return self._define(node)
        return self._rarer(node)

    def _rarer(self, node: ast.stmt) -> Step:
        match node:
            case ast.Pass():
                return nothing
            case ast.Break():
                return lambda run: BREAK
            case ast.Continue():
                return lambda run: CONTINUE
            case ast.Try():
                return attempted(self.block(node.body), self.block(node.orelse), self.block(node.finalbody))
            case ast.Match(subject=subject, cases=cases):
                return matched(self._value(subject), [self._case(one) for one in cases])
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                return assigned([stored([name], is_tuple=False)], self._value(value))
        return leave(node)

    # Cases.

    def _case(self, case: ast.match_case) -> tuple[Pattern, Step, Step]:
        guard = constant(True) if case.guard is None else self._value(case.guard)
        return self._pattern(case.pattern), guard, self.block(case.body)

    def _pattern(self, node: ast.pattern) -> Pattern:
        """Return what tells whether a case is for a value: values that are written out, and names."""
        self._expressions.count += 1
        match node:
            case ast.MatchValue(value=value) if is_constant(value):
                return equals(value.value)
            case ast.MatchSingleton(value=value):
                return lambda run, found: found is value
            case ast.MatchOr(patterns=patterns):
                some = [self._pattern(one) for one in patterns]
                return lambda run, found: any(is_for(run, found) for is_for in some)
            case ast.MatchAs(pattern=None, name=None):
                return lambda run, found: True
            case ast.MatchAs(pattern=inner, name=str(name)):
                return self._named_case(None if inner is None else self._pattern(inner), name)
        left = leave(node)
        return lambda run, found: bool(left(run))

    def _named_case(self, inner: Pattern | None, name: str) -> Pattern:
        def is_for(run: Run, found: Any) -> bool:
            is_so = inner is None or inner(run, found)
            if is_so:
                run.names[name] = found
            return is_so

        return is_for

    # Assignments.

    def _assign(self, node: ast.Assign) -> Step:
        stores = [self._store(target) for target in node.targets]
        known = [store for store in stores if store is not None]
        return assigned(known, self._value(node.value)) if len(known) == len(stores) else leave(node)

    def _store(self, target: ast.expr) -> Store | None:
        """Return what assigns to a target: names, a member of a dict, or a name of a plan."""
        match target:
            case ast.Subscript(value=owner, slice=key) if not isinstance(key, ast.Slice):
                owned, place = self._value(owner), self._value(key)
                return lambda run, value: put(owned(run), place(run), value)
            case ast.Attribute(value=owner, attr=name):
                owned = self._value(owner)
                return lambda run, value: owned(run).names.__setitem__(name, value)
        names = names_of_target(target)
        return None if names is None else stored(names, is_tuple=not isinstance(target, ast.Name))

    def _compute(self, node: ast.AugAssign, name: str, operator: str, value: Step) -> Step:
        compute = ARITHMETIC.get(operator)
        if compute is None:
            return leave(node)

        def add(run: Run) -> None:
            run.names[name] = compute(run.names[name], value(run))

        return add

    # What may be run again.

    def _loop(self, node: ast.For | ast.While) -> Step:
        before = self._expressions.count
        if isinstance(node, ast.While):
            test, body = self._value(node.test), self.block(node.body)
            cost = self._expressions.count - before + 1
            return repeated(test, body, self.block(node.orelse), cost)
        names = names_of_target(node.target)
        if names is None:
            return leave(node)
        members, body = self._value(node.iter), self.block(node.body)
        cost = self._expressions.count - before + 1
        store = stored(names, is_tuple=not isinstance(node.target, ast.Name))
        return looped(members, store, body, self.block(node.orelse), cost)

    def _define(self, node: ast.FunctionDef) -> Step:
        """Define a function; who calls one that is not known here leaves."""
        function = self._function(node)
        if function is not None:
            return defined(node.name, function, is_inner=self._expressions.scope is not None)
        computes = node.decorator_list or node.args.defaults or any(node.args.kw_defaults)
        return leave(node) if computes else forget(node.name)

    def _function(self, node: ast.FunctionDef) -> Function | None:
        given, own = node.args, list(nodes_of_own(node.body))
        if node.decorator_list or given.vararg or given.kwarg or given.posonlyargs:
            return None
        if any(
            isinstance(one, ast.Global | ast.Nonlocal | ast.Yield | ast.YieldFrom | ast.Await) for one in own
        ):
            return None
        positional = tuple(one.arg for one in given.args)
        values = [*zip(reversed(given.args), reversed(given.defaults), strict=False)]
        values += [
            (one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value
        ]
        defaults = {one.arg: value.value for one, value in values if is_constant(value)}
        if len(defaults) < len(values):
            return None
        parameters = frozenset({*positional, *(one.arg for one in given.kwonlyargs)})
        around, before = self._expressions.scope, self._expressions.count
        self._expressions.scope = Scope(parameters.union(bound(own)), around)
        body = self.block(node.body)
        cost = self._expressions.count - before + 1
        self._expressions.scope, self._expressions.count = around, before
        return Function(positional, parameters, defaults, body, cost)
