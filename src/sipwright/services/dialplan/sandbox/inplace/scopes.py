"""Whose a name is, by where a script gives it a meaning: a function's own, that of one around it, or the script's."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

__all__ = ["Scope", "bound", "names_of_target", "nodes_of_own"]

_APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Scope:
    """The names of a function or comprehension; those of the script itself are where no scope has a name."""

    __slots__ = ("around", "names")

    def __init__(self, names: frozenset[str], around: Scope | None) -> None:
        self.names = names
        self.around = around

    def depth_of(self, name: str) -> int | None:
        """Return how many functions further out a name is; None when it is the script's."""
        depth, scope = 0, self
        while name not in scope.names:
            depth += 1
            if scope.around is None:
                return None
            scope = scope.around
        return depth


def nodes_of_own(statements: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Return what stands in a function itself, and in no other one or comprehension inside of it."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _APART + _COMPREHENSIONS):
            waiting += ast.iter_child_nodes(node)


def names_of_target(target: ast.expr) -> list[str] | None:
    """Return the names that something is assigned to; None where it is more than names."""
    match target:
        case ast.Name(id=name):
            return [name]
        case ast.Tuple(elts=members) | ast.List(elts=members):
            names = [one.id for one in members if isinstance(one, ast.Name)]
            return names if len(names) == len(members) else None
    return None


def bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Return every name that is given a meaning there."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
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
