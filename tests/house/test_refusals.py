"""Whoever is refused only for now is told when to come again (RFC 3261 §21.5.4): else all come again at once."""

import ast

from house.source import scopes


def test_a_503_has_a_retry_after():
    bare = []
    for module, name, node in scopes():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reject"):
            continue
        is_503 = node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 503
        has_headers = len(node.args) > 2 or any(one.arg == "headers" for one in node.keywords)
        if is_503 and not has_headers:
            bare.append(f"{module}: {name}")

    assert bare == []
