"""Finds what runs and does not do what it looks like: comparisons that never hold, lines that are never reached.

All of it may be saved, as nothing of it fails. So nothing is said wherever there is a way in which it could be meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from .literals import names_of, own_names

__all__ = ["mistaken"]

Found = tuple[ast.stmt | ast.expr, str]

_TEXTS = frozenset(
    {f"req.{name}" for name in ("user", "host", "uri", "from_user", "from_name", "from_host", "to", "method")}
    | {f"call.{name}" for name in ("account", "direction", "provider", "user")}
)
_METHODS = frozenset({"weekday", "isoweekday", "date", "time", "timestamp", "isoformat"})
_ENTRIES = frozenset(
    {"main", "on_call", "handle_call", "handle", "handler", "on_invite", "incoming", "dialplan"}
)


def mistaken(tree: ast.Module) -> Iterator[Found]:
    """Return what is not as it looks, each with what to write instead."""
    own = own_names(tree)
    results = names_of(tree, _is_dial) if "dial" not in own else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from _compared(node, own, results)
        elif isinstance(node, ast.BinOp):
            yield from _added(node, own)
        elif isinstance(node, ast.Call):
            yield from _called(node, own)
        elif isinstance(node, ast.While):
            yield from _endless(node)
    yield from _entry_that_nobody_calls(tree)
    if "wait" not in {word.arg for word in ast.walk(tree) if isinstance(word, ast.keyword)}:
        yield from _never_reached(tree, own)


def _compared(node: ast.Compare, own: set[str], results: set[str]) -> Iterator[Found]:
    left, right = node.left, node.comparators[0]
    if not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    shown = ast.unparse(left)
    match left, right:
        case ast.Attribute(value=ast.Name(id=name)), ast.Constant(value=int(value)) if (
            shown in _TEXTS and name not in own and not isinstance(value, bool)
        ):
            yield node, f'{shown} is a text, which no number equals; write "{value}", with quotes'
        case ast.Attribute(value=ast.Name(id=name), attr="status"), ast.Constant(value=str(value)) if (
            name in results
        ):
            yield node, f"{shown} is a number, which no text equals; write {_status(value)}"
        case ast.Name(id=name), ast.Constant(value=str(value)) if name in results:
            yield (
                node,
                f"{name} is the whole result, which no text equals; write {name}.status == {_status(value)}",
            )
        case ast.Attribute(attr=method), ast.Constant() if method in _METHODS and _is_a_moment(
            left.value, own
        ):
            yield node, f"{shown} is never equal to anything, as it is not called; write {shown}()"


def _status(value: str) -> str:
    named = {"BUSY": "486", "NOANSWER": "480", "CANCEL": "487", "CHANUNAVAIL": "404", "CONGESTION": "503"}
    return named.get(value.upper(), value if value.isdigit() else "486 for one that is busy")


def _is_a_moment(node: ast.expr, own: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="now")):
            return "now" not in own
    return False


def _added(node: ast.BinOp, own: set[str]) -> Iterator[Found]:
    for side in (node.left, node.right):
        match side:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="store"), attr="get"), args=[key], keywords=[]
            ):
                if "store" not in own:
                    shown = ast.unparse(key)
                    yield (
                        side,
                        f"there is nothing at first, and None cannot be added to; write store.get({shown}, 0)",
                    )


def _called(node: ast.Call, own: set[str]) -> Iterator[Found]:
    match node.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="http_get" | "http_post" as name)), attr="json"):
            if name not in own:
                yield node, f"{name}(...).json is the value itself; write it without ()"
        case ast.Attribute(
            value=ast.Attribute(value=ast.Name(id="datetime"), attr="datetime"), attr="now" | "today"
        ):
            if not node.args and not node.keywords:
                yield node, "this is the time in UTC; write now(), which is in your time zone"


def _endless(node: ast.While) -> Iterator[Found]:
    """Find `while True:` with nothing in it that could end it, or take its time."""
    if not (isinstance(node.test, ast.Constant) and node.test.value):
        return
    ends = (ast.Break, ast.Return, ast.Raise, ast.Call, ast.Subscript, ast.BinOp, ast.Attribute, ast.Assert)
    if not any(isinstance(inner, ends) for body in node.body for inner in ast.walk(body)):
        yield (
            node,
            "this never ends, and the script fails after its 2 seconds; write break where it is to end",
        )


def _never_reached(tree: ast.Module, own: set[str]) -> Iterator[Found]:
    for block in _blocks(tree):
        for before, after in pairwise(block):
            if (said := _ends_script(before, own)) and not isinstance(after, ast.FunctionDef | ast.ClassDef):
                yield after, f"this is never reached: {said} in line {before.lineno} ends the script"
                break


def _blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _ends_script(node: ast.stmt, own: set[str]) -> str | None:
    match node:
        case ast.Expr(
            value=ast.Call(func=ast.Name(id="respond"), args=[ast.Constant(value=int(status)), *_])
        ):
            return f"respond({status})" if status >= 300 and "respond" not in own else None
        case ast.Expr(value=ast.Call(func=ast.Name(id="exit" | "redirect" as name))):
            return f"{name}()" if name not in own else None
    return None


def _entry_that_nobody_calls(tree: ast.Module) -> Iterator[Found]:
    """Find a script that is one function named as if somebody called it; others may import it under another name."""
    rest = [node for node in tree.body if not isinstance(node, _ONLY_DEFINES) and not _is_docstring(node)]
    if rest:
        return
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef)
            and node.name in _ENTRIES - named
            and not _may_be_shared(tree, node)
        ):
            yield (
                node,
                f"nobody calls {node.name}(): a script is run from its first line; write {node.name}() below it",
            )


_ONLY_DEFINES = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _may_be_shared(tree: ast.Module, entry: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node is not entry for node in tree.body)


def _is_dial(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="dial")):
            return True
    return False
