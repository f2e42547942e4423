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


def test_what_a_function_raises_is_said():
    """By its docstring, or for all at once by that of its class, module or package."""
    assert [f"{where}: {name}" for where, name in unnamed_errors()] == []


def unnamed_errors():
    said, raising = {place: text for place, _, text in docstrings()}, found()[1]
    for place, errors in raising.items():
        module, _, name = place.partition(":")
        if place.rpartition(".")[0] in raising:
            continue  # it stands in another function
        above = [f"{module}:{name.rpartition('.')[0]}", f"{module}:", *packages_of(module)]
        text = " ".join(said.get(each, "") for each in (place, *above))
        if "Raise" not in said.get(place, ""):
            yield from ((place, error) for error in errors if error not in text)


def packages_of(module):
    parts = module.split("/")[:-1]
    return ["/".join([*parts[:count], "__init__:"]) for count in range(1, len(parts) + 1)]


def raised(function):
    """The exceptions that the body of a function raises, without those that it catches, or that stand for no code."""
    found, caught, left = set(), {"NotImplementedError", "AssertionError"}, list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found.add(ast.unparse(what).rpartition(".")[2])
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught.update(re.findall(r"\w+", ast.unparse(node.type)))
        left += ast.iter_child_nodes(node)
    return {name for name in found - caught if name[0].isupper()}


def docstrings():
    """Every docstring: where, of what, and what it says."""
    return [each for each in found()[0] if each[2]]


@cache
def found():
    """What stands in the docstrings, and what public functions raise: one look at the whole source."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    said, raising = [], {}
    for module, name, node in scopes():
        if isinstance(node, documented):
            said.append((f"{module}:{name}", type(node), ast.get_docstring(node)))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not re.search(r"(^|\.)_", name):
                raising[f"{module}:{name}"] = raised(node)
    return said, raising
