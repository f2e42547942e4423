"""One command that somebody gives: who, with what, and where what it says goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sipwright.errors import UserError
from sipwright.printable import printable, printable_value
from sipwright.tables import table_lines
from sipwright.usecases import Actor, UseCases

__all__ = ["LONGEST_LINE", "Output", "Request", "Steering", "UsageError"]

LONGEST_LINE = 4_000
_BLOCK = 8_000

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class UsageError(UserError):
    """A command that nobody understands, with how it is typed."""


class Output(Protocol):
    """Where lines go; it waits until the one who reads takes them."""

    async def write(self, text: str, *, is_error: bool = False) -> None:
        """Write whole lines."""


class Steering(Protocol):
    """What a command may change of the prompt that it was typed at."""

    async def set_filter(self, text: str) -> str:
        """Show only the events that fit; without a text all of them. Return what to say about that."""

    def pause(self) -> str:
        """Hold the events back, or let them go on. Return what to say about that."""

    def quit(self) -> None:
        """End the session."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command to run; without `width` its output is for a pipe, without `steering` it was not typed at a prompt."""

    usecases: UseCases
    actor: Actor
    output: Output
    width: int | None = None
    has_colours: bool = False
    steering: Steering | None = None

    async def say(self, *lines: str, is_error: bool = False) -> None:
        """Print lines, of which none can command a terminal or look like two."""
        await self._write((printable(line, LONGEST_LINE) for line in lines), is_error=is_error)

    async def lines(self, lines: Iterable[str]) -> None:
        """Print lines that are harmless already."""
        await self._write(lines)

    async def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
        """Print a table; `empty` says what it means that there is nothing in it."""
        lines = table_lines(heads, rows, self.width)
        if not lines:
            await self.say(empty, is_error=True)
            return
        if self.has_colours:
            lines[0] = f"{_BOLD}{lines[0]}{_PLAIN}"
        await self._write(lines)

    async def json(self, value: Any, whole: Container[str] = ()) -> None:
        """Print a value for other programs."""
        await self.output.write(_json(value, whole) + "\n")

    async def json_list(self, values: AsyncIterator[Any]) -> None:
        """Print a list of any length for other programs, while it is read."""
        mark = "["
        async for value in values:
            await self.output.write(f"{mark}\n  " + _json(value).replace("\n", "\n  "))
            mark = ","
        await self.output.write("[]\n" if mark == "[" else "\n]\n")

    async def _write(self, lines: Iterable[str], *, is_error: bool = False) -> None:
        """Write blocks of lines."""
        block: list[str] = []
        size = 0
        for line in lines:
            block.append(line)
            size += len(line)
            if size > _BLOCK:
                await self.output.write("\n".join(block) + "\n", is_error=is_error)
                block, size = [], 0
        if block:
            await self.output.write("\n".join(block) + "\n", is_error=is_error)


def _json(value: Any, whole: Container[str] = ()) -> str:
    return json.dumps(printable_value(value, whole), indent=2, ensure_ascii=False)
