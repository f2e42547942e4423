"""Where a type checker is told that something may be anything, or is something else, the reason is said in words."""

import ast
import re
from functools import cache

import pytest

from house.source import modules

ANYTHING = {
    "commands/common": "what JSON gives, and what is printed as it",
    "commands/control": "what JSON gives",
    "commands/dns": "what TOML gives",
    "commands/guard": "what JSON gives",
    "commands/help": "the context and the writer of typer, which has no public names for them",
    "commands/store": "what a script keeps",
    "console": "what JSON gives",
    "control": "what JSON gives",
    "ending": "a coroutine of whatever kind",
    "monitor/trace/wording": "what a script has given, and was told",
    "node/script_effects": "what a script is told",
    "node/several/crew": "what marshal gives",
    "own_code": "what a class is given that is derived",
    "printable": "what JSON gives, and what is printed as it",
    "services/dialplan": "what a script computes, gives and is told",
    "services/journal_text": "what JSON gives",
    "services/leg_options": "the value of an option, whose kind knows it",
    "services/probing/profile": "what JSON gives",
    "services/switch/dialling/hunt_events": "whom a hunt rings: its owner knows, and the machine does not look",
    "services/switch/recovery": "what JSON gives",
    "sip/errors": "the request, whose class raises these errors and so cannot be known to them",
    "sip/transaction": "what an event brings along: each arrow of a table takes its own",
    "stack/held_timers": "what a callback is given",
    "store/__init__": "what is loaded when it is asked for",
    "store/admin": "the columns of whatever table, and what JSON gives",
    "store/database": "what drivers give, which have no types",
    "store/dialects": "a statement of a dialect, which SQLAlchemy types by its own classes",
    "store/history": "what a script has given, and was told",
    "store/live/leases": "the columns of a table",
    "store/live/live_store": "a query of whatever columns",
    "store/live/script_values": "what a script keeps",
    "store/migrations": "what Alembic gives, which has no types",
    "store/writing": "what is put into the log: whatever marshal takes",
    "testing": "what a script gives and is told, and what a callback is given",
    "transport/certificate_look": "a certificate, whose library is loaded when there is one to look at",
    "transport/resolver": "what a question of the DNS is answered",
    "transport/tls": "the options of the class below",
    "transport/ws": "the options of the class below",
    "transport/ws_handed": "what a transport of asyncio says of itself, and the options of the class below",
    "usecases": "what JSON gives, the fields of whatever view, and what a running switch answers",
    "web": "what JSON gives; documents whose classes are made at run time; what NiceGUI and a browser give",
}
"""The folders and modules in which something may be anything as a whole, and what it is there.

As a part of another type it stands for what that leaves open: `dict[str, Any]` is what JSON gives, `tuple[Any, ...]` a
row, `Coroutine[Any, Any, None]` what a task is made of.
"""


@pytest.mark.parametrize("place", ANYTHING)
def test_where_something_may_be_anything_there_is_such_a_thing(place):
    assert [module for module in vague() if place in (module, *folders(module))] != []


def test_nowhere_else_something_may_be_anything():
    assert [module for module in vague() if not {module, *folders(module)} & ANYTHING.keys()] == []


def test_whoever_says_what_something_is_says_why_a_checker_does_not_see_it():
    assert [place for place, lines in casts() if "# " not in lines] == []
    assert [place for place, _ in casts()] != []


def test_a_vague_annotation_is_noticed():
    source = "def f(a: Any, *b: Any, c: int) -> dict[str, Any]: ...\nx: int | Any = 1\ny: list[Any] = []\n"

    assert [ast.unparse(node) for node in annotations(ast.parse(source)) if is_anything(node)] == [
        "Any",
        "Any",
        "int | Any",
    ]


def folders(module):
    parts = module.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


@cache
def vague():
    """The modules in which an argument, a result or a variable may be anything."""
    found = []
    for module, path in modules().items():
        text = path.read_text("utf-8")
        if re.search(r"\bAny\b", text) and any(map(is_anything, annotations(ast.parse(text)))):
            found.append(module)
    return found


def annotations(tree):
    """What is said of the types of arguments, results and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            arguments = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
            yield from (each.annotation for each in arguments if each is not None and each.annotation)
            if node.returns is not None:
                yield node.returns
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation


def is_anything(annotation):
    if isinstance(annotation, ast.BinOp):
        return is_anything(annotation.left) or is_anything(annotation.right)
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def casts():
    """Where a type is said to be another one, with the lines of that statement up to there, and the one above."""
    for module, path in modules().items():
        text = path.read_text("utf-8")
        if re.search(r"from typing import .*\bcast\b", text) is None:
            continue
        lines = ["", *text.splitlines()]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.stmt):
                for call in calls_in(node):
                    yield f"{module}:{call.lineno}", "\n".join(lines[node.lineno - 1 : call.lineno + 1])


def calls_in(statement):
    """The casts of a statement, but for those of the statements in it."""
    left = [*ast.iter_child_nodes(statement)]
    while left:
        node = left.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
            yield node
        if not isinstance(node, ast.stmt):
            left += ast.iter_child_nodes(node)
