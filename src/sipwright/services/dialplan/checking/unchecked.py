"""Finds where a script would run a text: nobody has checked what is in it, and a caller may have written it.

The interpreter has `eval` and `exec`, so the sandbox holds whatever they run. But a script is checked so that it does
not fail in a call, and ``eval(req.from_name)`` does what whoever calls wants, for the money of whose script it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

__all__ = ["run_texts", "runs_texts"]

_INSTEAD = {"eval": "json.loads() reads values", "exec": "write what is to be done in the script"}
_CALLED = re.compile(r"(?<![\w.])(?:eval|exec)\s*\(")


def run_texts(tree: ast.Module) -> Iterator[tuple[ast.Name, str]]:
    """Return each mention of what runs a text, also by another name later, and what to write instead.

    A function of the script with such a name is no excuse: until it is made, and in other scopes, the name is Python's.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _INSTEAD:
            yield node, f"{node.id}() runs a text that nobody can check before a call: {_INSTEAD[node.id]}"


def runs_texts(source: str) -> tuple[int, int, str] | None:
    """Return line and column (both from 1) of the same, and what is wrong, in a script that our Python cannot read."""
    if (found := _CALLED.search(source)) is None:
        return None
    name = found[0].rstrip("( \t\n")
    line_start = source.rfind("\n", 0, found.start()) + 1
    line = source.count("\n", 0, found.start()) + 1
    return line, found.start() - line_start + 1, f"{name}() runs a text that nobody can check before a call"
