"""Explaining in one sentence why a script failed, from what the interpreter or its worker says."""

from __future__ import annotations

import re

from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

from sipwright.services.script_headers import one_line

from ..language.commands import SideEffect
from ..language.limits import Limits
from .program import Program
from .result import Failed, Kind

__all__ = ["explain"]

MAX_MESSAGE = 120
MAX_TRACEBACK = 4000
_FRAME = re.compile(r'File "(<python-input-\d+>)", line (\d+)')
_INTERNAL = "RuntimeError: Internal error in monty: "
_ONE_TEXT = "exceptions can only be called with zero or one string argument"
_UNSUPPORTED = "NotImplementedError: The monty syntax parser does not yet support"


def explain(
    error: MontyCrashedError | MontyRuntimeError | MontySyntaxError,
    limits: Limits,
    program: Program,
    last_line: int | None,
    side_effects: list[SideEffect],
) -> Failed:
    """Say what went wrong.

    Args:
        error: What the interpreter raised.
        limits: The budgets, to name the one that was hit.
        program: What ran.
        last_line: Where the script last called one of our functions; an endless loop leaves no better trace.
        side_effects: What the script did before.
    """
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return _failed(Kind.TIME, _too_slow(limits, program, last_line), last_line, side_effects)
        return _failed(Kind.CRASHED, "the script crashed its interpreter", last_line, side_effects)
    lines = (program.listed_line(frame.filename, frame.line) for frame in reversed(error.traceback()))
    line = next((line for line in lines if line is not None), None)
    traceback = _FRAME.sub(lambda frame: _frame(frame, program), error.display("traceback")[-MAX_TRACEBACK:])
    text = error.display("type-msg")
    kind = _kind(error, text)
    if kind is Kind.TIME:
        sentence, line = _too_slow(limits, program, last_line), line or last_line
    elif kind is Kind.MEMORY:
        sentence = _at(program, line, f"the script needs more than {limits.memory // 1_048_576} MB of memory")
    elif kind is Kind.BUDGET:
        sentence = _at(program, line, f"more than {limits.suspensions} calls without a pause")
    elif text.startswith(_INTERNAL):
        sentence = _internal(program, text.removeprefix(_INTERNAL), line, last_line)
    else:
        sentence = _at(program, line, text.replace(_UNSUPPORTED, "scripts here cannot use"))
    return _failed(kind, sentence, line, side_effects, traceback)


def _internal(program: Program, text: str, line: int | None, last_line: int | None) -> str:
    """Say what the interpreter cannot do, where that is not told: after which call of ours it was."""
    if text == _ONE_TEXT:
        text = "an exception takes nothing but one text here, as in ValueError(str(404))"
    if line is None and last_line is not None:
        return f"after {program.where(last_line)}: {text}"
    return _at(program, line, text)


def _kind(error: MontyRuntimeError | MontySyntaxError, text: str) -> Kind:
    if isinstance(error, MontySyntaxError) or text.startswith(_UNSUPPORTED):
        return Kind.SYNTAX
    if text.startswith("TimeoutError: feed time limit exceeded"):
        return Kind.TIME
    if text.startswith(
        ("MemoryError: memory limit exceeded", "MemoryError: the worker exceeded its memory limit")
    ):
        return Kind.MEMORY
    if text.startswith("RuntimeError: suspension limit"):
        return Kind.BUDGET
    if text.startswith("RuntimeError: protocol violation: failed to load session"):
        return Kind.SNAPSHOT
    return Kind.ERROR


def _frame(frame: re.Match[str], program: Program) -> str:
    """Name in a traceback what people call that text."""
    filename, line = frame[1], int(frame[2])
    listed = program.listed_line(filename, line)
    if listed is None:
        return frame[0]
    number, _, module = program.where(listed).removeprefix("line ").partition(" of ")
    return f'File "{module or program.name}", line {number}'


def _too_slow(limits: Limits, program: Program, last_line: int | None) -> str:
    where = "" if last_line is None else f" (after {program.where(last_line)})"
    return f"the script computed for more than {limits.seconds:g} s{where}"


def _at(program: Program, line: int | None, text: str) -> str:
    return text if line is None else f"{program.where(line)}: {text}"


def _failed(
    kind: Kind, sentence: str, line: int | None, side_effects: list[SideEffect], traceback: str = ""
) -> Failed:
    return Failed(
        kind,
        one_line(sentence, MAX_MESSAGE),
        line,
        traceback or one_line(sentence, MAX_MESSAGE),
        side_effects,
    )
