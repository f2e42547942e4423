"""Lines of the log call one thing by one name, whichever part writes them."""

import ast

import pytest

from house.source import scopes

LEVELS = ("debug", "info", "warning", "error", "exception")

OTHERWISE = {
    "call": "call_id, that of a call of ours; sip_call_id, what its peers say",
    "advice": "what_to_do",
    "msg": "the event",
}
"""Names that no field has, and what it is called."""


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_field_has_the_name_that_others_have_for_it(name):
    assert [place for place, field, _ in fields() if field == name] == []


def test_what_an_exception_says_is_the_error():
    """`why` is a sentence of ours, and `reason` what a peer is told or has said."""
    assert [place for place, field, said in fields() if said == "str(error)" and field != "error"] == []


def fields():
    """Every field of every line: where it is written, its name, and what it says."""
    for module, _, node in scopes(having=r"\blog\.|_log\."):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS
        ):
            continue
        if ast.unparse(node.func.value) not in ("log", "self._log"):
            continue
        for keyword in node.keywords:
            yield f"{module}:{node.lineno}", keyword.arg, ast.unparse(keyword.value)
