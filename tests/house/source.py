"""The source text as the checks of the house see it: its modules, and what stands in them.

Trees are made one file at a time, and forgotten: those of the whole source are hundreds of megabytes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sipwright"
TESTS = ROOT / "tests"


@cache
def modules() -> dict[str, Path]:
    """Every module with its file, by its path below `src/sipwright` without the ending."""
    return {str(path.relative_to(SOURCE).with_suffix("")): path for path in sorted(SOURCE.rglob("*.py"))}


def scopes(having: str = "") -> Iterator[tuple[str, str, ast.AST]]:
    """Every node of every module, with the class or function that it is or stands in: `Class.method`.

    Modules in whose text nothing matches the pattern `having` are left out.
    """
    for module, path in modules().items():
        text = path.read_text("utf-8")
        if re.search(having, text) is None:
            continue
        left: list[tuple[str, ast.AST]] = [("", ast.parse(text))]
        while left:
            name, node = left.pop()
            yield module, name, node
            for child in ast.iter_child_nodes(node):
                is_scope = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                left.append((f"{name}.{child.name}".lstrip(".") if is_scope else name, child))
