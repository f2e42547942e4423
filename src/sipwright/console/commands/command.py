"""A command: its name, what stands behind it, and how what was typed is read."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

from sipwright.console.commands.request import Request, UsageError

__all__ = ["Command", "Completion", "Parser", "Where"]


class Where(Enum):
    """Where a command can be given: at the prompt, behind ``ssh host``, or both."""

    BOTH = "both"
    PROMPT = "prompt"
    SSH = "ssh"


class Completion(Enum):
    """What the argument of a command is, so that it can be completed."""

    NOTHING = "nothing"
    LIVE_CALL = "live call"
    CALL = "call"
    FILTER = "filter"
    COMMAND = "command"


class Parser(argparse.ArgumentParser):
    """Reads arguments, and raises what is wrong with them."""

    def error(self, message: str) -> NoReturn:
        """Say how the command is used."""
        raise UsageError(f"{message}; {' '.join(self.format_usage().split())}")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the table of commands."""

    name: str
    summary: str
    run: Callable[[Request, Any], Awaitable[None]]
    arguments: Callable[[Parser], None] = lambda parser: None
    completion: Completion = Completion.NOTHING
    where: Where = Where.BOTH

    def parser(self) -> Parser:
        """Return what reads its arguments."""
        parser = Parser(prog=self.name, add_help=False, allow_abbrev=False, exit_on_error=False)
        self.arguments(parser)
        return parser

    def options(self) -> list[str]:
        """Return the options that it takes, such as ``--json``."""
        return [text for action in self.parser()._actions for text in action.option_strings]

    def usage(self) -> str:
        """Return how it is typed, in one line: ``calls [--json]``."""
        return " ".join(self.parser().format_usage().removeprefix("usage: ").split())

    def read(self, words: list[str]) -> argparse.Namespace:
        """Read what was typed behind its name.

        Raises:
            UsageError: It makes no sense.
        """
        try:
            return self.parser().parse_args(words)
        except argparse.ArgumentError as error:
            raise UsageError(f"{error}; usage: {self.usage()}") from None
