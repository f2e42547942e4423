"""What the commands share: their options, opening the store, printing, and errors of one line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sipwright.commands.ownership import refuse_others
from sipwright.errors import UserError
from sipwright.printable import printable, printable_event, printable_lines, printable_value
from sipwright.tables import clock, table_lines

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.store import Administration

__all__ = [
    "AccountFilter",
    "CommandError",
    "Data",
    "Json",
    "Owner",
    "OwnerFilter",
    "Progress",
    "ask_password",
    "clock",
    "data_dir",
    "group",
    "print_csv",
    "print_json",
    "print_script",
    "print_table",
    "say",
    "settings_of",
    "with_store",
    "words",
]

T = TypeVar("T")

_LONGEST_LINE = 4_000


class CommandError(UserError):
    """A command cannot do what it was asked to."""


Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", readable=False, help="Data folder. [default: $SIPWRIGHT_DATA, else ./data]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
Owner = Annotated[
    str | None, typer.Option("--user", metavar="U", help="Whose it is. [default: the first admin]")
]
AccountFilter = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Only this account: NAME, or NAME@DOMAIN.")
]
OwnerFilter = Annotated[
    str | None, typer.Option("--user", metavar="U", help="Only what belongs to this user. [default: all]")
]


def group(name: str, summary: str, *, is_command: bool = False) -> typer.Typer:
    """Make a group of commands.

    One that `is_command` does something without any of them: that is its callback, whose docstring is its help.
    """
    if is_command:
        return typer.Typer(
            name=name, short_help=summary, subcommand_metavar="[COMMAND [ARGS]...]", rich_markup_mode=None
        )
    return typer.Typer(name=name, help=summary, no_args_is_help=True, rich_markup_mode=None)


def data_dir(given: Path | None) -> Path:
    """Choose the data folder, which may not be there yet.

    Raises:
        UserError: It is there for somebody else.
    """
    folder = given or Path(os.environ.get("SIPWRIGHT_DATA") or "data")
    refuse_others(folder)
    return folder


def settings_of(given: Path | None) -> Settings:
    """Read the settings of a data folder that ``sipwright init`` has made."""
    from sipwright.config import Settings

    folder = data_dir(given)
    if not folder.is_dir():
        raise CommandError(f"there is no data folder {folder}; run 'sipwright init', or name it with --data")
    return Settings.load(folder)


def with_store(given: Path | None, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Open the store of a data folder, do some work with it, and close it."""
    settings = settings_of(given)

    async def run() -> T:
        from sipwright.store.admin.administration import Administration

        _log_to_standard_error()
        store = await Administration.open(settings.database_url, settings.key_file)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _log_to_standard_error() -> None:
    """Keep what the store has to say, of a damaged log perhaps, out of the output of ``--json``."""
    import structlog

    if not structlog.is_configured():
        *processors, renderer = structlog.get_config()["processors"]
        structlog.configure(
            processors=[*processors, structlog.processors.format_exc_info, printable_event, renderer],
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        )


def ask_password(given: str | None, what: str) -> str:
    """Take a password from the option, or else from the terminal or standard input."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(printable(what), hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


class Progress:
    """Says on standard error how far a long piece of work is: once it has taken a second, and then each second.

    On a terminal it is one line that is written over; in a log file a line each ten seconds.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._is_terminal = sys.stderr.isatty()
        self._due = clock() + 1.0
        self._is_open = False

    def __call__(self, done: int, total: int) -> None:
        """Take note of how much is done."""
        now = self._clock()
        is_over = done >= total and self._is_open
        if now < self._due and not is_over:
            return
        self._due = now + (1.0 if self._is_terminal else 10.0)
        text = f"{self._what}: {done} of {total}"
        if self._is_terminal:
            self._is_open = not is_over
            typer.echo(f"\r{text}", err=True, nl=is_over)
        else:
            typer.echo(text, err=True)


def say(*lines: str, is_error: bool = False) -> None:
    """Print lines, of which none can command a terminal or look like two; every command prints with this."""
    typer.echo("\n".join(printable(line, _LONGEST_LINE) for line in lines), err=is_error)


def words(value: Any) -> Any:
    """Return a value as people read it; a number stays one, though 1 is equal to True."""
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else value


def print_script(source: str) -> None:
    """Print a script: as it is for a file or a pipe, harmless for a terminal."""
    if sys.stdout is not None:  # as after `>&-`
        sys.stdout.write(printable_lines(source) if sys.stdout.isatty() else source)


def print_csv(lines: str) -> None:
    """Print lines of CSV whose texts have been made harmless."""
    if sys.stdout is not None:
        sys.stdout.write(lines)


def print_json(value: Any, whole: Container[str] = ()) -> None:
    """Print JSON for other programs; `whole` are the keys whose texts are not cut, such as messages and scripts."""
    typer.echo(json.dumps(printable_value(value, whole), indent=2, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print a table for people; ``empty`` says what it means that there is nothing in it."""
    lines = table_lines(heads, rows)
    if lines:
        say(*lines)
    else:
        say(empty, is_error=True)
