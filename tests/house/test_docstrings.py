"""Docstrings begin with a sentence that names a thing, or says what is done."""

import ast
import re
from functools import cache

from house.source import scopes

EVASIVE = re.compile(
    r"(One (of|that|who|which|under)|Those (that|who|of|which)|That (which|is)|All that|It|They|And|But|So"
    r"|(Some|Any|Every)(thing|body|one)|Whatever|Whoever|Another|Here|There|This) ",
    re.IGNORECASE,
)
"""How a sentence begins that leaves it to the reader to find out what it is about."""


def test_modules_and_public_classes_name_a_thing():
    found = [
        name
        for name, kind, said in docstrings()
        if kind in (ast.Module, ast.ClassDef) and EVASIVE.match(said)
    ]

    assert found == []


def test_functions_say_what_they_do_and_claim_nothing():
    assert [name for name, _, said in docstrings() if said.startswith("Claim that")] == []


@cache
def docstrings():
    """Every docstring: where, of what, and what it says."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [
        (f"{module}:{name}", type(node), ast.get_docstring(node))
        for module, name, node in scopes()
        if isinstance(node, documented)
    ]
    return [each for each in found if each[2]]
