"""Dialplans that import other dialplans of their owner: ``from plans.common import groups``.

The interpreter knows no modules but its own and ours. So each dialplan that is imported becomes a function, whose
variables are the module's; these functions are fed before the script, in a text of their own, and an import becomes the
call of one. The script keeps its lines. For people there is one *listing*: the script, and behind it what it
imports; a line of an imported dialplan is known by its number there.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "PACKAGE", "Find", "Imported", "LinkError", "Linked", "Module", "circle", "exported", "imported", "imports_in",
    "link", "listed", "listing", "modules_for", "parse", "pinned", "pins_of", "place_of", "where",
]  # fmt: skip

PACKAGE = "plans"
"""What the dialplans of a user are imported from."""

_OURS = re.compile(r"(?m)^from sipwright import (?!.*\bas\b)[\w, ]+(?=#|$)")
_MENTION = re.compile(rf"\b{PACKAGE}\b")

_HEAD = """class _SipwrightPlan:
    pass
_sipwright_plans = _SipwrightPlan()
_sipwright_imported = {}
"""


class Module(NamedTuple):
    """A dialplan that another one imports, in the version that it has then."""

    name: str
    source: str
    id: int = 0
    version: int = 0


class LinkError(ValueError):
    """A dialplan that cannot be imported, and why."""


class Linked(NamedTuple):
    """A script that runs: its text, what is fed before it, and where in that each module begins (module, line)."""

    source: str
    prelude: str
    places: tuple[tuple[Module, int], ...]


class Imported(NamedTuple):
    """One name that is imported: of which plan, `name` None for the plan as a whole; `plan` None for the package."""

    node: ast.Import | ast.ImportFrom
    plan: str | None
    name: str | None
    alias: ast.alias


Find = Callable[[str], Module | None]
"""Finds a dialplan of the same owner by its name."""


def parse(source: str) -> ast.Module | None:
    """Read a script; None when it is not of the Python that this process knows, which may be older."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imports_in(tree: ast.AST) -> Iterator[Imported]:
    """Return all that a script imports of other dialplans, in no order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == PACKAGE or alias.name.startswith(f"{PACKAGE}."):
                    yield Imported(node, alias.name.partition(".")[2] or None, None, alias)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module == PACKAGE:
                yield from (Imported(node, alias.name, None, alias) for alias in node.names)
            elif (node.module or "").startswith(f"{PACKAGE}."):
                plan = (node.module or "").partition(".")[2]
                yield from (Imported(node, plan, alias.name, alias) for alias in node.names)


def imported(source: str) -> list[str]:
    """Return the names of the dialplans that a script imports, each once."""
    if _MENTION.search(source) is None or (tree := parse(source)) is None:
        return []
    return list(dict.fromkeys(one.plan for one in imports_in(tree) if one.plan is not None))


def modules_for(source: str, find: Find) -> tuple[Module, ...]:
    """Return all that a script imports, and what that imports, each once and after what it imports itself."""
    found: dict[str, Module | None] = {}

    def look(text: str) -> None:
        for name in imported(text):
            if name not in found:
                found[name] = None  # in a circle, nobody waits for the other
                module = find(name) if name.isidentifier() else None
                if module is not None:
                    look(module.source)
                    del found[name]
                    found[name] = module

    look(source)
    return tuple(module for module in found.values() if module is not None)


def circle(name: str, source: str, find: Find) -> list[str] | None:
    """Return a way by which a dialplan imports itself, or one that does; None when there is none."""
    done: set[str] = set()

    def look(path: list[str], text: str) -> list[str] | None:
        for one in imported(text):
            if one in path:
                return [*path[path.index(one) :], one]
            module = None if one in done else find(one)
            if module is not None and (found := look([*path, one], module.source)) is not None:
                return found
            done.add(one)
        return None

    return look([name], source)


def exported(tree: ast.Module) -> list[str]:
    """Return the names that a dialplan gives a meaning at its top level: what others can import of it."""
    names: dict[str, None] = {}
    for node in _at_top(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names[name] = None
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names[name] = None
            case ast.Import(names=aliases):
                names |= dict.fromkeys(alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases) if module != "__future__":
                names |= dict.fromkeys(alias.asname or alias.name for alias in aliases)
            case (
                ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name))
            ):
                names[name] = None
    return list(names)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _at_top(tree: ast.Module) -> Iterator[ast.AST]:
    """Return all nodes that are in no function, class or comprehension."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES + _COMPREHENSIONS):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def link(source: str, modules: Sequence[Module]) -> Linked:
    """Make a script that runs of one and all that it imports.

    Raises:
        LinkError: One of these cannot be imported.
    """
    source = _without_ours(source)
    if _MENTION.search(source) is None or (tree := parse(source)) is None:
        return Linked(source, "", ())
    known = {module.name for module in modules}
    text, places = _HEAD, []
    for module in modules:
        try:
            body, exports = _function_of(module, known)
        except LinkError as error:
            raise LinkError(f"dialplan {module.name} cannot be imported: {error}") from None
        text += f"def _sipwright_plan_{module.name}():\n"
        places.append((module, text.count("\n") + 1))
        text += f"{body}\n    _sipwright_plan = _SipwrightPlan()\n{exports}    return _sipwright_plan\n"
        text += (
            f"def _sipwright_import_{module.name}():\n"
            f"    if {module.name!r} not in _sipwright_imported:\n"
            f"        _sipwright_imported[{module.name!r}] = True\n"
            f"        _sipwright_plans.{module.name} = _sipwright_plan_{module.name}()\n"
            "    return _sipwright_plans\n"
        )
    return Linked(_edited(source, _rewritten(tree, known)), text if modules else "", tuple(places))


def _without_ours(source: str) -> str:
    """Leave out imports of our names, which are there without."""
    return _OURS.sub("pass ", source)


def _function_of(module: Module, known: set[str]) -> tuple[str, str]:
    """Return a dialplan as the body of a function, line by line, and what makes its names those of a module."""
    source = _without_ours(module.source)
    tree = parse(source)
    if tree is None:
        raise LinkError("it is written in a Python that is newer than the one this switch runs on")
    names = exported(tree)
    edits = [*_rewritten(tree, known), *_globals(tree, set(names))]
    lines = _edited(source, edits).split("\n")
    inside = {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant | ast.JoinedStr)
        for number in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
    }
    body = "\n".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(lines, 1)
    )
    certain = {name for statement in tree.body for name in _bound_by(statement)}
    exports = "".join(
        f"    _sipwright_plan.{name} = {name}\n"
        if name in certain
        else f"    try:\n        _sipwright_plan.{name} = {name}\n    except NameError:\n        pass\n"
        for name in names
    )
    return body, exports


def _bound_by(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Assign():
            return exported(ast.Module([statement], []))
        case ast.AnnAssign(value=ast.expr()):
            return exported(ast.Module([statement], []))
    return []


class _Edit(NamedTuple):
    node: ast.stmt
    text: str


def _rewritten(tree: ast.Module, known: set[str]) -> Iterator[_Edit]:
    """Return what stands in the place of each import of dialplans."""
    for node in {id(one.node): one.node for one in imports_in(tree)}.values():
        assigned, others = [], []
        for one in imports_in(ast.Module([node], [])):
            if one.plan is None:
                others.append(f"import {PACKAGE}")
            elif one.alias.name == "*":
                assigned.append("raise ImportError('name what is imported in place of *'")
            elif one.plan not in known:
                assigned.append(f"raise ImportError({f'there is no dialplan {one.plan!r}'!r}")
            else:
                assigned.append(f"{_bound(one)} = ({_value(one)}")
        if isinstance(node, ast.Import):
            others += [ast.unparse(ast.Import([alias])) for alias in node.names if not _is_ours(alias)]
        lines = "\n" * ((node.end_lineno or node.lineno) - node.lineno)
        *first, last = [*others, *(f"{one})" for one in assigned)]
        text = f"{last[:-1]}{lines})" if assigned else last
        yield _Edit(node, "; ".join([*first, text]))
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            yield _Edit(statement, "pass")


def _is_ours(alias: ast.alias) -> bool:
    return alias.name == PACKAGE or alias.name.startswith(f"{PACKAGE}.")


def _bound(one: Imported) -> str:
    if isinstance(one.node, ast.Import) and one.alias.asname is None:
        return PACKAGE
    return one.alias.asname or one.alias.name


def _value(one: Imported) -> str:
    package = f"_sipwright_import_{one.plan}()"
    if isinstance(one.node, ast.Import) and one.alias.asname is None:
        return package
    plan = f"{package}.{one.plan}"
    return plan if one.name is None else f"{plan}.{one.name}"


def _globals(tree: ast.Module, names: set[str]) -> Iterator[_Edit]:
    """Return what makes the variables of a module those of the function that it becomes."""
    at_top = {id(node) for node in _at_top(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            if id(node) in at_top:
                yield _Edit(node, "pass")
                continue
            if unknown := [name for name in node.names if name not in names]:
                raise LinkError(f"line {node.lineno}: {unknown[0]} has no value at its top level")
            yield _Edit(node, f"nonlocal {', '.join(node.names)}")


def _edited(source: str, edits: Iterator[_Edit] | Sequence[_Edit]) -> str:
    """Put texts in the place of statements; positions are bytes of a line."""
    lines = [line.encode("utf-8", "surrogatepass") for line in source.split("\n")]
    for node, text in sorted(edits, key=lambda edit: (edit.node.lineno, edit.node.col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before, behind = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        lines[first : last + 1] = (before + text.encode() + behind).split(b"\n")
    return "\n".join(line.decode("utf-8", "surrogatepass") for line in lines)


# What people see.


def listing(source: str, modules: Sequence[Module]) -> str:
    """Return a script with what it imports behind it."""
    parts = [source.removesuffix("\n") if modules else source]
    parts += [f"# dialplan {module.name}\n{module.source.removesuffix(chr(10))}" for module in modules]
    return "\n".join(parts)


def place_of(line: int, source: str, modules: Sequence[Module]) -> tuple[str | None, int]:
    """Return of which dialplan a line of the listing is, None for the script itself, and its number there."""
    first = _lines(source) + 1
    if line < first:
        return None, line
    for module in modules:
        last = first + _lines(module.source)
        if line <= last:
            return module.name, max(line - first, 1)
        first = last + 1
    return None, line


def listed(place: tuple[str, int], source: str, modules: Sequence[Module]) -> int | None:
    """Return the number that a line of an imported dialplan has in the listing."""
    first = _lines(source) + 1
    for module in modules:
        if module.name == place[0]:
            return first + place[1]
        first += _lines(module.source) + 1
    return None


def where(line: int, source: str, modules: Sequence[Module]) -> str:
    """Say where a line of the listing is: ``line 3``, or ``line 3 of common``."""
    name, number = place_of(line, source, modules)
    return f"line {number}" if name is None else f"line {number} of {name}"


def _lines(source: str) -> int:
    return source.removesuffix("\n").count("\n") + 1


# What is stored of a run: which versions it began with.


def pins_of(modules: Sequence[Module]) -> dict[str, list[int]]:
    """Return what the journal keeps: the number and the version of each dialplan that is imported."""
    return {module.name: [module.id, module.version] for module in modules}


def pinned(started: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...]:
    """Read that again, in order, from what a run started from."""
    return tuple((name, number, version) for name, (number, version) in started.get("plans", {}).items())
