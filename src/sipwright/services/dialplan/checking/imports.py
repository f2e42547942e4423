"""Finds what is wrong with what a script imports of the other dialplans of its owner, before it is saved."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator

from sipwright.services.linking import (
    PACKAGE,
    Find,
    Imported,
    LinkError,
    circle,
    exported,
    imports_in,
    link,
    modules_for,
    parse,
)

__all__ = ["wrong_imports"]


def wrong_imports(
    source: str, tree: ast.Module, find: Find, name: str, known: Collection[str]
) -> Iterator[tuple[ast.stmt, str]]:
    """Return the imports that cannot be, each with why; `name` is the script's own, `known` are all that there are."""
    found = sorted(imports_in(tree), key=lambda one: (one.node.lineno, one.node.col_offset))
    is_wrong = False
    for one in found:
        if (said := _wrong(one, find, name, known)) is not None:
            is_wrong = True
            yield one.node, said
    if found and not is_wrong:
        if (way := circle(name, source, find)) is not None:
            yield found[0].node, f"dialplans cannot import each other in a circle: {', '.join(way)}"
            return
        try:
            link(source, modules_for(source, find))
        except LinkError as error:
            yield found[0].node, str(error)


def _wrong(one: Imported, find: Find, name: str, known: Collection[str]) -> str | None:
    if one.plan is None:
        return f"say which dialplan: from {PACKAGE}.NAME import what you use of it"
    if one.alias.name == "*":
        return "scripts here cannot import *: name what you use"
    if one.plan == name:
        return f"dialplan {name} cannot import itself"
    module = find(one.plan) if one.plan.isidentifier() else None
    if module is None:
        return f"there is no dialplan {one.plan!r} to import{_meant(one.plan, known)}"
    tree = parse(module.source)
    if one.name is not None and tree is not None:
        names = exported(tree)
        if one.name not in names:
            return f"dialplan {one.plan} has no {one.name!r}{_meant(one.name, names)}"
    return None


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
