"""The source text as the checks of the house see it: its modules, their trees, and the docstrings in them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sipwright"
TESTS = ROOT / "tests"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module, by its path below `src/sipwright` without the ending."""
    return {
        str(path.relative_to(SOURCE).with_suffix("")): ast.parse(path.read_text("utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


@cache
def scopes() -> list[tuple[str, str, ast.AST]]:
    """Every node of every module, with the class or function that it is or stands in: `Class.method`."""
    found = []
    for module, tree in modules().items():
        left: list[tuple[str, ast.AST]] = [("", tree)]
        while left:
            name, node = left.pop()
            found.append((module, name, node))
            for child in ast.iter_child_nodes(node):
                is_scope = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                left.append((f"{name}.{child.name}".lstrip(".") if is_scope else name, child))
    return found
