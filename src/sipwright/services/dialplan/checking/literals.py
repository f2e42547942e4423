"""Finds calls of our functions that are sure to fail, from what a script says literally; nothing of it is run.

``dial("bob@local[dely=5]")`` fails whenever it is reached. The functions that would refuse it in a call are asked
here, so both say the same. What is not written out is taken to be right: wherever there is doubt, nothing is said.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sipwright.services.dialstring import DialStringError
from sipwright.services.linking import parse

from ..language.call_functions import BudgetExceeded, ScriptApi
from ..language.catalogue import CATALOGUE
from ..language.limits import Limits
from ..language.values import Call, Inputs

__all__ = ["assigned", "certain", "names_of", "own_names", "secrets_in", "wrong_calls"]

_CHECKED = {name: one for name, one in CATALOGUE.items() if one.checked is not None}
_FILLINGS = (
    "1",
    "",
    "a@a",
    "a@a[delay=1]",
    "sip:a@a",
    "<sip:a@a>",
    "delay",
    "delay=1",
    "from_name",
    "true",
    "place",
    "follow",
    "X-A: a",
    "[delay=1]",
)
"""What may stand for ``{...}`` in an f-string: it is wrong only if it is wrong with each of them."""
_MOST_FIELDS = 3
_MOST_FORMATTED = 8

_UNKNOWN = object()


class _Formatted:
    """An f-string: its literal parts, with ``None`` for each ``{...}``."""

    def __init__(self, node: ast.JoinedStr) -> None:
        self.parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]

    def fill(self, fillings: Iterable[str]) -> str:
        given = iter(fillings)
        return "".join(next(given) if part is None else part for part in self.parts)

    def variants(self) -> Iterator[str]:
        fields = self.parts.count(None)
        if fields <= _MOST_FIELDS:
            for fillings in itertools.product(_FILLINGS, repeat=fields):
                yield self.fill(fillings)
        else:
            yield _HARMLESS


_HARMLESS = "a"


def certain(tree: ast.AST) -> Iterator[ast.AST]:
    """Return all nodes, in no order, except for what stands in a ``try`` or is for type checkers only."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        tried = isinstance(node, ast.Try | ast.TryStar) and node.handlers
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for name, value in ast.iter_fields(node):
            if name == "body" and (tried or typing):
                continue
            children = value if isinstance(value, list) else [value]
            waiting += [child for child in children if isinstance(child, ast.AST)]


def assigned(tree: ast.AST) -> set[str]:
    """Return every name that the script gives a meaning of its own somewhere, other than by importing it."""
    names: set[str | None] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.arg(arg=name) | ast.ExceptHandler(name=name):
                names.add(name)
            case ast.MatchAs(name=name) | ast.MatchStar(name=name) | ast.MatchMapping(rest=name):
                names.add(name)
    return {name for name in names if name is not None}


def _imported(tree: ast.AST) -> set[str]:
    """Return every name that an import binds, except for our functions by their own names."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(
                alias.asname or alias.name
                for alias in node.names
                if node.module != "sipwright" or alias.asname not in (None, alias.name)
            )
    return names


def own_names(tree: ast.AST) -> set[str]:
    """Return every name that is not, or not everywhere, what it is in a script that says nothing of it."""
    return assigned(tree) | _imported(tree)


def names_of(tree: ast.AST, is_meant: Callable[[ast.expr], bool]) -> set[str]:
    """Return the names that stand for values that are meant, and for nothing else."""
    stored, meant = Counter[str](), Counter[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                stored[name] += 1
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_meant(value):
                meant[name] += 1
    return {name for name, times in meant.items() if stored[name] == times}


def secrets_in(source: str) -> list[str]:
    """Return the names of the secrets that a script asks for literally, each once."""
    tree = parse(source) if "secret" in source else None
    found: dict[str, None] = {}
    for node in () if tree is None else ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="secret"), args=[ast.Constant(value=str(name))]):
                found[name] = None
    return list(found)


def wrong_calls(tree: ast.AST, limits: Limits) -> Iterator[tuple[ast.Call, str]]:
    """Return the calls that are sure to fail, each with what the call's trace would say."""
    own = own_names(tree)
    names = frozenset() if "*" in own else _CHECKED.keys() - own
    for node in certain(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            message = _wrong(node.func.id, node, limits)
            if message is not None:
                yield node, message


def _wrong(name: str, node: ast.Call, limits: Limits) -> str | None:
    given = _arguments(name, node)
    if given is None:
        return None
    error = _refusal(name, _filled(given, {}), limits)
    if error is not None:
        return str(error) if isinstance(error, BudgetExceeded) else f"{name}(): {error}"
    formatted = [
        one
        for value in given.values()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, _Formatted)
    ]
    for one in formatted[:_MOST_FORMATTED]:
        first = None
        for variant in one.variants():
            error = _refusal(name, _filled(given, {one: variant}), limits)
            if error is None:
                break
            first = first or error
        else:
            # Positions in what was made up mean nothing to the author.
            return f"{name}(): {first.message if isinstance(first, DialStringError) else first}"
    return None


def _arguments(name: str, node: ast.Call) -> dict[str, Any] | None:
    """Return what is literal among the arguments, and something harmless for the others that must be."""
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(
        k.arg is None for k in node.keywords
    ):
        return None
    try:
        bound = CATALOGUE[name].signature.bind(
            None, *node.args, **{str(k.arg): k.value for k in node.keywords}
        )
    except TypeError:
        return None  # the type checker has its own words for this
    known = CATALOGUE[name]
    given = dict(known.checked or {})
    for parameter, argument in list(bound.arguments.items())[1:]:
        value = _value(argument, parameter in known.dial_strings)
        if value is not _UNKNOWN:
            given[parameter] = value
        elif name == "e164":
            return None  # whether a number is one depends on the region
    return given


def _value(node: ast.expr, is_dial_string: bool) -> Any:
    """Return what an expression is, as far as it is literal."""
    match node:
        case ast.JoinedStr() if is_dial_string:
            return _Formatted(node)
        case ast.List(elts=members) if is_dial_string:
            values = [_value(member, True) for member in members]
            return [_HARMLESS if value is _UNKNOWN else value for value in values]
        case ast.Dict(keys=keys, values=values):
            pairs = ((_plain(key), _plain(value)) for key, value in zip(keys, values, strict=True))
            try:
                return {
                    key: "" if value is _UNKNOWN else value for key, value in pairs if key is not _UNKNOWN
                }
            except TypeError:
                return _UNKNOWN
    return _plain(node)


def _plain(node: ast.expr | None) -> Any:
    try:
        return _UNKNOWN if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN


def _filled(given: dict[str, Any], chosen: dict[_Formatted, str]) -> dict[str, Any]:
    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(member) for member in value]
        return chosen.get(value, _HARMLESS) if isinstance(value, _Formatted) else value

    return {name: fill(value) for name, value in given.items()}


def _refusal(name: str, arguments: dict[str, Any], limits: Limits) -> Exception | None:
    """Have the function itself look at its arguments, at the very beginning of a run."""
    api = ScriptApi(limits, _VARIABLES, limits.total_seconds, clock=lambda: 0.0)
    try:
        CATALOGUE[name].call(api, **arguments)
    except (ValueError, TypeError, BudgetExceeded) as error:
        return error
    return None


# So long that ${dst:n} leaves something, whatever is cut off.
_VARIABLES = dict.fromkeys(
    Inputs.of(Call("", "out", "", "", "", 0), method="INVITE", uri="sip:a@a", user="a", host="a").variables,
    "1" * 10_000,
)
