"""Checks a script before it is saved: syntax, what the language lacks, types against ``names.pyi``, and literals.

Nothing of the script is run, except for its imports. It blocks for about 20 ms: the command line calls it as it is,
the event loop in a thread.
"""

from __future__ import annotations

import ast
import json
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from pydantic_monty import (
    ExternalModule,
    FunctionSnapshot,
    Monty,
    MontyComplete,
    MontyError,
    MontyRuntimeError,
    MontySyntaxError,
    MontyTypingError,
    ResourceLimits,
)

from sipwright.services.linking import PACKAGE, Find, Module, exported, modules_for, parse
from sipwright.services.script_headers import one_line

from .. import language
from ..language import sipsorcery
from ..language.catalogue import FUNCTIONS, STORE
from ..language.limits import Limits
from ..sandbox.confinement import Confinement
from ..sandbox.library_backend import POLICY
from ..sandbox.program import FIRST, program
from .advice import advice, foreign_language
from .exceptions import wrong_exceptions
from .imports import wrong_imports
from .literals import assigned, certain, wrong_calls
from .shadowing import own_meanings, stubs_without
from .syntax import unreadable
from .unchecked import run_texts, runs_texts

__all__ = ["Problem", "check_script"]

# The first line of what is checked. The checker does not know this name, so it always has something to say,
# and the interpreter stops at the call: in neither case is a line of the script run.
_STOP = "_sipwright_stop_()\n"
_NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")
_LIMITS = Limits()
_DEF = re.compile(r"(?m)^([ \t]*)(?:async[ \t]+)?def\b")
_MOST_NESTED = 10
_MOST_WRONG_CALLS = 20
"""Telling more of them helps nobody, and each takes its time."""

_OURS = frozenset({"sipwright", "sipsorcery", PACKAGE})
_MODULE = re.compile(r"Cannot resolve imported module `(\w+)")
_IMPORTS = re.compile(rf"(?m)^[ \t]*(?:from|import)[ \t]+{PACKAGE}\b")
_NOT_PYTHON = "invalid-syntax"
_MEMBER = re.compile(rf"Module `{PACKAGE}\.(\w+)` has no member `(\w+)`")
_SECONDS = 20.0
"""Time for one check; the checker looks at no limit of its own."""


class Problem(NamedTuple):
    """What is wrong, and where (both from 1)."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


def _nobody(name: str) -> Module | None:
    return None


def check_script(
    source: str,
    limits: Limits = _LIMITS,
    find: Find = _nobody,
    name: str = "",
    known: Collection[str] = (),
) -> list[Problem]:
    """Return what is wrong with a script; an empty list says that it may be saved.

    What one call of a function alone would use up of ``limits`` is wrong too.

    Args:
        source: The script.
        limits: What one run may use.
        find: Finds the dialplans that it may import.
        name: Its own name among them.
        known: The names of all of them.
    """
    if len(source) > _LIMITS.source:
        return [Problem(1, 1, f"the script is longer than {_LIMITS.source} characters")]
    if (strange := _NOT_TEXT.search(source)) is not None:
        above = source.count("\n", 0, strange.start())
        return [
            Problem(above + 1, 1, f"the script is not text: it has U+{ord(strange[0]):04X}; save it as UTF-8")
        ]
    modules = modules_for(source, find)
    if len(source) + sum(len(module.source) for module in modules) > _LIMITS.source:
        return [Problem(1, 1, f"the script and what it imports are longer than {_LIMITS.source} characters")]
    if (line := _nested_too_deeply(source)) is not None:
        return [Problem(line, 1, f"functions stand inside of each other more than {_MOST_NESTED} deep")]
    with _one_at_a_time:
        try:
            problems = (
                _check_imports(source, find, name, known)
                or _check_types(source, modules)
                or _check_language(source, modules)
                or _check_contents(source, limits)
            )
        except MontyError as error:
            return [Problem(1, 1, f"the script cannot be checked: {one_line(str(error), 200)}")]
    if problems and (foreign := foreign_language(source, is_python=parse(source) is not None)) is not None:
        line, message = foreign
        return [Problem(line, 1, message)]
    lines = source.split("\n")
    return [problem._replace(message=_advised(problem, lines, find)) for problem in problems]


def _nested_too_deeply(source: str) -> int | None:
    """Return the line of a function that stands in too many others: each takes twice as long to compile."""
    around: list[int] = []
    for found in _DEF.finditer(source):
        column = len(found[1].expandtabs(8))
        while around and around[-1] >= column:
            around.pop()
        around.append(column)
        if len(around) > _MOST_NESTED:
            return source.count("\n", 0, found.start()) + 1
    return None


def _advised(problem: Problem, lines: Sequence[str], find: Find) -> str:
    message = problem.message
    module = _MODULE.search(message)
    if module is not None and find(module[1]) is not None:
        return f"{message}; it is a dialplan of yours: write 'from {PACKAGE}.{module[1]} import ...'"
    return advice(message, lines[problem.line - 1] if problem.line <= len(lines) else "", problem.column)


def _check_imports(source: str, find: Find, name: str, known: Collection[str]) -> list[Problem]:
    if PACKAGE not in source:
        return []
    if (tree := parse(source)) is None:
        return _cannot_link(source)
    wrong = wrong_imports(source, tree, find, name, known)
    return [Problem(node.lineno, node.col_offset + 1, one_line(said, 300)) for node, said in wrong]


def _cannot_link(source: str) -> list[Problem]:
    """Say that a script imports others and cannot be read here, unless it cannot be read at all."""
    found = _IMPORTS.search(source)
    if found is None or _check_types(source, ()):
        return []
    line = source.count("\n", 0, found.start()) + 1
    return [
        Problem(
            line,
            1,
            "one that imports others is written in a Python that this switch runs on, or an older one: "
            "in an f-string, the quotes inside of {} are not those outside",
        )
    ]


def _check_types(source: str, modules: Sequence[Module]) -> list[Problem]:
    tree = parse(source)
    own = frozenset() if tree is None else frozenset(own_meanings(tree))
    with _pool().checkout(
        limits=ResourceLimits(max_memory=4 * _LIMITS.memory),
        type_check=True,
        type_check_stubs=stubs_without(_stubs(), own),
        type_check_format="json",
        external_modules=_modules(modules),
    ) as session:
        try:
            snapshot = session.feed_start(_STOP + source)
            while isinstance(snapshot, FunctionSnapshot) and snapshot.function_name == "import_stubs":
                snapshot = snapshot.resume_auto()
        except MontyTypingError as error:
            return [one for one in _read(error.display(), source) if not _is_there(one.message, modules)]
    raise AssertionError("the checker let a script run")


def _is_there(message: str, modules: Sequence[Module]) -> bool:
    """Return whether the checker misses what is there.

    It asks for no module that is imported in a function, or in a script that it cannot read, and takes nothing that a
    module imports for a name of it.
    """
    if (module := _MODULE.search(message)) is not None:
        return module[1] in _OURS
    if (member := _MEMBER.search(message)) is not None:
        source = next((one.source for one in modules if one.name == member[1]), "")
        tree = parse(source)
        return tree is not None and member[2] in exported(tree)
    return False


def _read(report: str, source: str) -> list[Problem]:
    found = json.loads(report)
    if not_python := [one for one in found if one["code"] == _NOT_PYTHON]:
        found = [min(not_python, key=lambda one: (one["location"]["row"], one["location"]["column"]))]
    problems = [
        Problem(
            max(1, problem["location"]["row"] - 1),
            problem["location"]["column"],
            one_line(problem["message"], 300),
        )
        for problem in found
        if problem["location"]["row"] > 1 and not problem.get("filename", "").endswith(".pyi")
    ]
    if not_python and problems:
        return [Problem(*unreadable(source, *problems[0]))]
    return sorted(problems)


def _check_language(source: str, modules: Sequence[Module]) -> list[Problem]:
    """Compile the script as it will be, for what the checker knows and the interpreter does not."""
    with _pool().checkout(limits=ResourceLimits(max_memory=_LIMITS.memory)) as session:
        try:
            snapshot = session.feed_start(_STOP + source)
        except (MontySyntaxError, MontyRuntimeError) as error:
            frames = error.traceback()
            line, column = (frames[-1].line - 1, frames[-1].column) if frames else (1, 1)
            said = error.display("msg").replace(
                "The monty syntax parser does not yet support", "scripts here cannot use"
            )
            return [Problem(max(1, line), column, one_line(said, 300))]
        assert not isinstance(snapshot, MontyComplete)
    return _check_modules(source, modules) if modules else []


def _check_modules(source: str, modules: Sequence[Module]) -> list[Problem]:
    """Compile what a script imports as it will be: as functions, which nobody calls here."""
    text = program("", source, tuple(modules))
    with _pool().checkout(limits=ResourceLimits(max_memory=_LIMITS.memory)) as session:
        try:
            session.feed_run(text.prelude, inputs=dict.fromkeys(text.mentioned & {"req", "call"}))
        except (MontySyntaxError, MontyRuntimeError) as error:
            if (
                found := text.listed_line(FIRST, error.traceback()[-1].line if error.traceback() else 0)
            ) is None:
                return []
            said = f"{text.where(found)} cannot be imported: {error.display('msg')}"
            return [Problem(1, 1, one_line(said, 300))]
    return []


def _check_contents(source: str, limits: Limits) -> list[Problem]:
    """Look for what is sure to fail when it is reached: literal arguments, and what modules lack here."""
    tree = parse(source)
    if tree is None:
        return [] if (text := runs_texts(source)) is None else [Problem(*text)]
    found: list[tuple[ast.stmt | ast.expr, str]] = [
        *islice(wrong_calls(tree, limits), _MOST_WRONG_CALLS), *wrong_exceptions(tree),
        *islice(run_texts(tree), _MOST_WRONG_CALLS), *_missing(tree),
    ]  # fmt: skip
    return sorted(Problem(node.lineno, node.col_offset + 1, one_line(said, 300)) for node, said in found)


def _missing(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Import what the script imports, and read what it reads of these modules, in a sandbox like that of a call.

    The type checker knows modules (``types``) and names (``os.environ``) that are not there.
    """
    imports = [node for node in certain(tree) if _is_foreign(node)]
    if not imports:
        return
    modules = _modules_of(imports) - assigned(tree)
    read = [node for node in certain(tree) if _is_read(node, modules)]
    with _pool().checkout(limits=ResourceLimits(max_memory=_LIMITS.memory), os_policy=POLICY) as session:
        for node in (*imports, *read):
            assert isinstance(node, ast.stmt | ast.expr)
            try:
                snapshot = session.feed_start(ast.unparse(node))
                while isinstance(snapshot, FunctionSnapshot):
                    is_import = snapshot.function_name in ("import", "import_stubs")
                    snapshot = snapshot.resume_auto() if is_import else snapshot.resume_not_handled()
            except MontyRuntimeError as error:
                yield node, error.display("msg")
                if isinstance(node, ast.stmt):
                    return  # what is read of it would fail for no other reason
            else:
                assert isinstance(snapshot, MontyComplete)


def _is_foreign(node: ast.AST) -> bool:
    """Return whether it imports something, and nothing of ours."""
    match node:
        case ast.Import(names=names):
            return all(alias.name.partition(".")[0] not in _OURS for alias in names)
        case ast.ImportFrom(module=module):
            return (module or "").partition(".")[0] not in _OURS
    return False


def _modules_of(imports: list[ast.AST]) -> set[str]:
    """Return the names that stand for one module each, whatever has been run of a script."""
    meant = {
        (
            alias.asname or alias.name.partition(".")[0],
            alias.name if alias.asname else alias.name.partition(".")[0],
        )
        for node in imports
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names = [name for name, _ in meant]
    others = {
        alias.asname or alias.name
        for node in imports
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {name for name in names if names.count(name) == 1} - others


def _is_read(node: ast.AST, modules: set[str]) -> bool:
    """Return whether a name of a module is read; of ``os`` also that it is called, with nothing but literals."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), ctx=ast.Load()):
            return name in modules
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os")), args=args, keywords=[]):
            return "os" in modules and all(isinstance(argument, ast.Constant) for argument in args)
    return False


@cache
def _pool() -> Monty:
    """One worker for all checks of this process, confined as those that run scripts; it ends with the process."""
    return Monty(
        binary_path=_confinement().program,
        min_processes=0,
        max_processes=1,
        max_checkouts_per_worker=200,
        request_timeout=_SECONDS,
    ).__enter__()


@cache
def _confinement() -> Confinement:
    made = Confinement()
    made.missing()  # ends its trial; the switch is who tells
    return made


def _stubs(name: str = "names.pyi") -> str:
    return files(language.__name__).joinpath(name).read_text("utf-8")


def _modules(modules: Sequence[Module]) -> dict[str, ExternalModule]:
    names = {**FUNCTIONS, "store": STORE}
    plans = {module.name: ExternalModule({}, stubs=module.source) for module in modules}
    return {
        **({PACKAGE: ExternalModule(plans, stubs="")} if plans else {}),
        "sipwright": ExternalModule(names, stubs=_stubs()),
        "sipsorcery": sipsorcery.old_module(None, _stubs("old_names.pyi")),
    }


_one_at_a_time = threading.Lock()
