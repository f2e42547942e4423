"""Finds exceptions that are made of anything but one text, as in ``ValueError(404)``.

The interpreter takes no others. It does not say where that was, and no script can catch it, so it is looked for before
a script is saved, in a ``try`` too.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from .literals import own_names

__all__ = ["wrong_exceptions"]

_EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


def wrong_exceptions(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Return the calls that are sure to make such an exception, each with what to write instead."""
    names, caught = _EXCEPTIONS - own_names(tree), _caught(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in names and _is_wrong(
                args, caught
            ):
                shown = ast.unparse(args[0])
                yield node, f"{name}() takes nothing but one text here: write {name}(str({shown}))"


def _is_wrong(args: list[ast.expr], caught: set[str]) -> bool:
    match args:
        case []:
            return False
        case [ast.Starred()]:
            return False
        case [ast.Constant(value=value)]:
            return not isinstance(value, str)
        case [ast.Name(id=name)]:
            return name in caught
        case [ast.Tuple() | ast.List() | ast.Dict()]:
            return True
    return len(args) > 1 and not any(isinstance(one, ast.Starred) for one in args)


def _caught(tree: ast.Module) -> set[str]:
    """Return the names that stand for a caught exception, and for nothing else."""
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    stored = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return found - stored - {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
