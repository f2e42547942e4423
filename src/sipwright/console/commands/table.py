"""The table of commands, and how one that was typed is run."""

from __future__ import annotations

import shlex
from argparse import Namespace
from difflib import get_close_matches

from sipwright.console.commands import bans, calls, guard, listings, members, status, steering
from sipwright.console.commands.command import Command, Completion, Parser, Where
from sipwright.console.commands.request import Request, UsageError
from sipwright.tables import table_lines

__all__ = ["COMMANDS", "run_line"]

LONGEST_COMMAND = 8_000


def _help_arguments(parser: Parser) -> None:
    parser.add_argument("command", metavar="COMMAND", nargs="?")


async def _help(request: Request, given: Namespace) -> None:
    """Say what can be typed."""
    if given.command is not None:
        command = _command(request, given.command)
        await request.say(command.usage(), command.summary)
        return
    rows = [(command.usage(), command.summary) for command in COMMANDS.values() if _is_here(request, command)]
    lines = table_lines(("command", "what it does"), rows, None)
    await request.say(*lines[1:])
    if request.steering is not None:
        await request.say(
            "", "Tab completes names and ids, Up brings back what was typed, Ctrl-C stops a command."
        )


_NARROWED, _CDRS = listings.listing_arguments, listings.cdr_arguments
_FILTER = "show only events that fit, as in: filter event call and user alice and regex 503"

COMMANDS = {
    command.name: command
    for command in (
        Command("calls", "calls in progress", listings.calls, listings.call_arguments),
        Command("call", "one of them: its ends, where its script stands", calls.call, calls.show_arguments,
                Completion.LIVE_CALL),
        Command("trace", "what a call did, and why it ended so; also 'trace last'", calls.trace,
                calls.trace_arguments, Completion.CALL),
        Command("hangup", "end a call", calls.hangup, calls.one_call, Completion.LIVE_CALL),
        Command("bindings", "registered phones", listings.bindings, _NARROWED),
        Command("providers", "providers, and how our registrations there stand", listings.providers,
                listings.provider_arguments),
        Command("cdrs", "what became of calls, the newest first", listings.cdrs, _CDRS),
        Command("bans", "who may not come: list, add ADDRESS, remove ADDRESS", bans.bans, bans.arguments),
        Command("guard", "calls unlike all others, held back: list, confirm ID, undo ID", guard.guard, guard.arguments),
        Command("members", "accounts that an account is a list of; with names behind it, from now on", members.members,
                members.arguments),
        Command("status", "what does not work now, and what to look at", status.status, status.arguments),
        Command("events", "events as they happen, for a pipe", steering.events, steering.event_arguments,
                Completion.FILTER, Where.SSH),
        Command("filter", _FILTER, steering.filter_events, steering.filter_arguments, Completion.FILTER,
                Where.PROMPT),
        Command("pause", "hold events back, or let them go on", steering.pause, where=Where.PROMPT),
        Command("help", "this list, or how one command is typed", _help, _help_arguments, Completion.COMMAND),
        Command("quit", "end; so does Ctrl-D", steering.quit_console, where=Where.PROMPT),
    )
}  # fmt: skip


_ELSEWHERE = {
    Where.PROMPT: "for the prompt, which 'ssh HOST' alone brings; here, 'events' takes a filter",
    Where.SSH: "for a pipe, behind 'ssh HOST'; here, what happens is shown as it happens: see 'filter'",
}
"""What is said of a command that cannot be given here."""


async def run_line(request: Request, line: str) -> None:
    """Run what was typed; an empty line is nothing.

    Raises:
        UsageError: It is not known what was meant.
        UserError: It could not be done.
    """
    if len(line) > LONGEST_COMMAND:
        raise UsageError(f"a command has at most {LONGEST_COMMAND} characters")
    name, _, rest = line.strip().partition(" ")
    if not name:
        return
    command = _command(request, name)
    if command.completion is Completion.FILTER:
        words = rest.split()  # a filter has quotes and backslashes of its own
    else:
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"{error}; close what you have opened") from None
    await command.run(request, command.read(words))


def _command(request: Request, name: str) -> Command:
    command = COMMANDS.get(name)
    if command is not None and _is_here(request, command):
        return command
    if command is not None:
        raise UsageError(f"{name!r} is {_ELSEWHERE[command.where]}")
    names = [known.name for known in COMMANDS.values() if _is_here(request, known)]
    close = get_close_matches(name, names, 1)
    raise UsageError(
        f"there is no command {name!r}; " + (f"did you mean {close[0]!r}?" if close else "see 'help'")
    )


def _is_here(request: Request, command: Command) -> bool:
    return command.where is Where.BOTH or (command.where is Where.PROMPT) is (request.steering is not None)
