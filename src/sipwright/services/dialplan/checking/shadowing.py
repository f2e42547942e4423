"""What the checker is told of our names, where a script gives some of them a meaning of its own.

``for leg in result.legs`` is right: `leg` is ours until then, as `len` is Python's. But a checker takes a function for
one that stays, and refuses whatever else is given its name. So of such a name it is told nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["own_meanings", "stubs_without"]

_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def own_meanings(tree: ast.Module) -> set[str]:
    """Return the names that a script gives a meaning of its own at its top level, other than by importing them."""
    found: set[str | None] = set()
    for node in _at_top_level(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.MatchAs(name=name) | ast.MatchStar(name=name) | ast.MatchMapping(rest=name):
                found.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found.update(node.names)
    return {name for name in found if name is not None}


def _at_top_level(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _OWN_SCOPE):
            waiting += ast.iter_child_nodes(node)


def stubs_without(stubs: str, names: frozenset[str]) -> str:
    """Return stubs that say of some names only that they are there."""
    if not names:
        return stubs
    lines = stubs.split("\n")
    for node in ast.parse(stubs).body:
        name = _declared(node)
        if name in names:
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [
                f"{name}: Any",
                *[""] * (node.end_lineno - node.lineno),
            ]
    return "\n".join(lines)


def _declared(node: ast.stmt) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None
