"""Docstrings begin with a sentence that names a thing, or says what is done."""

import ast
import re

from house.source import modules, scopes

EVASIVE = re.compile(
    r"(One (of|that|who|which|under)|Those (that|who|of|which)|That (which|is)|All that|It|They|And|But|So"
    r"|(Some|Any|Every)(thing|body|one)|Whatever|Whoever|Another|Here|There|This) ",
    re.IGNORECASE,
)
"""How a sentence begins that leaves it to the reader to find out what it is about."""

LEFT = {"services/dialplan": 3, "services/switch": 4}
"""How many such modules and classes a package still has. These numbers only shrink."""

CLAIMS_LEFT = {"services/dialplan": 10, "services/switch": 9}
"""How many predicates still claim instead of returning."""


def test_modules_and_public_classes_name_a_thing():
    found = counted(
        name
        for name, node, said in docstrings()
        if isinstance(node, ast.Module | ast.ClassDef) and EVASIVE.match(said)
    )

    assert too_many(found, LEFT) == {}


def test_functions_say_what_they_do_and_claim_nothing():
    found = counted(name for name, _, said in docstrings() if said.startswith("Claim that"))

    assert too_many(found, CLAIMS_LEFT) == {}


def docstrings():
    """Every docstring: where, of what, and what it says."""
    for module, tree in modules().items():
        for name, node in scopes(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                said = ast.get_docstring(node)
                if said:
                    yield f"{module}:{name}", node, said


def counted(names):
    """How many there are in each package; the names are shown when a number is not the one that stands above."""
    found = {}
    for name in names:
        print(name)
        package = "/".join(name.partition(":")[0].split("/")[:2])
        found[package] = found.get(package, 0) + 1
    return found


def too_many(found, left):
    return {package: number for package, number in found.items() if number > left.get(package, 0)}
