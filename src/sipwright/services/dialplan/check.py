"""Checks a script before it is saved: syntax, what the language lacks, and types against ``names.pyi``.

Nothing of the script is run. It blocks for about 20 ms: the command line calls it as it is, the event loop in
a thread.
"""

from __future__ import annotations

import json
import re
import threading
from functools import cache
from importlib.resources import files
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

from . import sipsorcery
from .arguments import one_line
from .functions import FUNCTIONS, STORE
from .limits import Limits

__all__ = ["Problem", "check_script"]

# The first line of what is checked. The checker does not know this name, so it always has something to say,
# and the interpreter stops at the call: in neither case is a line of the script run.
_STOP = "_sipwright_stop_()\n"
_NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")
_LIMITS = Limits()
_SECONDS = 20.0
"""Time for one check; the checker looks at no limit of its own."""


class Problem(NamedTuple):
    """What is wrong, and where (both from 1)."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


def check_script(source: str) -> list[Problem]:
    """Return what is wrong with a script; an empty list says that it may be saved."""
    if len(source) > _LIMITS.source:
        return [Problem(1, 1, f"the script is longer than {_LIMITS.source} characters")]
    if _NOT_TEXT.search(source):
        return [Problem(1, 1, "the script is not text")]
    with _one_at_a_time:
        try:
            return _check_types(source) or _check_language(source)
        except MontyError as error:
            return [Problem(1, 1, f"the script cannot be checked: {one_line(str(error), 200)}")]


def _check_types(source: str) -> list[Problem]:
    with _pool().checkout(
        limits=ResourceLimits(max_memory=4 * _LIMITS.memory),
        type_check=True,
        type_check_stubs=_stubs(),
        type_check_format="json",
        external_modules=_modules(),
    ) as session:
        try:
            snapshot = session.feed_start(_STOP + source)
            while isinstance(snapshot, FunctionSnapshot) and snapshot.function_name == "import_stubs":
                snapshot = snapshot.resume_auto()
        except MontyTypingError as error:
            return _read(error.display())
    raise AssertionError("the checker let a script run")


def _read(report: str) -> list[Problem]:
    found = json.loads(report)
    problems = [
        Problem(
            max(1, problem["location"]["row"] - 1),
            problem["location"]["column"],
            one_line(problem["message"], 300),
        )
        for problem in found
        if problem["location"]["row"] > 1
    ]
    return sorted(problems)


def _check_language(source: str) -> list[Problem]:
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
    return []


@cache
def _pool() -> Monty:
    """One worker for all checks of this process; it ends with the process."""
    return Monty(
        min_processes=0, max_processes=1, max_checkouts_per_worker=200, request_timeout=_SECONDS
    ).__enter__()


@cache
def _stubs(name: str = "names.pyi") -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


@cache
def _modules() -> dict[str, ExternalModule]:
    names = {**FUNCTIONS, "store": STORE}
    return {
        "sipwright": ExternalModule(names, stubs=_stubs()),
        "sipsorcery": sipsorcery.old_module(None, _stubs("old_names.pyi")),
    }


_one_at_a_time = threading.Lock()
