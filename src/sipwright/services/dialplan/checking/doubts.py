"""Finds what may be a mistake: a header that nobody has to send, read as if everybody did, and what `habits.py` finds.

That is told and refused by nobody, as whoever has written the script may know who calls, or mean what it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from sipwright.services.linking import parse

from .habits import mistaken
from .literals import certain, names_of, own_names

__all__ = ["Doubt", "doubts"]

ALWAYS_THERE = frozenset({"via", "from", "to", "call-id", "cseq", "max-forwards", "contact"})
"""What every INVITE has (RFC 3261 §8.1.1, §8.1.1.8), in lower case."""


class Doubt(NamedTuple):
    """What may fail, and where (both from 1)."""

    line: int
    column: int
    message: str


def doubts(source: str) -> list[Doubt]:
    """Return what a script does that fails in some calls, or looks like something else, in the order of its lines."""
    tree = parse(source)
    if tree is None:
        return []
    found = [Doubt(node.lineno, node.col_offset + 1, said) for node, said in mistaken(tree)]
    return sorted([*found, *_of_headers(tree)])


def _of_headers(tree: ast.Module) -> Iterator[Doubt]:
    if "req" in own_names(tree):
        return
    asked_for, aliases = _asked_for(tree), names_of(tree, lambda value: _is_headers(value, set()))
    for node, name in _read(tree, aliases):
        if name.lower() not in ALWAYS_THERE | asked_for:
            shown = ast.unparse(node)
            said = f"{shown} fails where a caller sends no {name}, who hears 500 then"
            instead = f'{ast.unparse(node.value)}.get("{name}", "")'
            yield Doubt(node.lineno, node.col_offset + 1, f"{said}; write {instead}")


def _read(tree: ast.Module, aliases: set[str]) -> Iterator[tuple[ast.Subscript, str]]:
    for node in certain(tree):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                if _is_headers(value, aliases):
                    yield node, name


def _is_headers(node: ast.expr, aliases: set[str]) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="req"), attr="headers"):
            return True
        case ast.Name(id=name):
            return name in aliases
    return False


def _asked_for(tree: ast.Module) -> set[str]:
    """Return the texts, in lower case, of which the script asks somewhere whether they are in something."""
    return {
        node.left.value.lower()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
        and isinstance(node.ops[0], ast.In | ast.NotIn)
    }
