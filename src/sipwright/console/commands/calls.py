"""What is done with one call: ``call``, ``trace``, ``hangup``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request
from sipwright.tables import clock, table_lines
from sipwright.usecases.calls import CallView
from sipwright.usecases.errors import NotFound
from sipwright.usecases.listed import CALLS
from sipwright.usecases.page import MOST, everything

__all__ = ["call", "hangup", "one_call", "show_arguments", "trace", "trace_arguments"]

_WHOLE = frozenset({"arguments", "came_of", "outcome", "result", "source", "text", "told", "why", "wire"})
"""What is not cut in JSON: messages, scripts, what those said and were told, and our own sentences."""


def one_call(parser: Parser) -> None:
    """Take a call."""
    parser.add_argument("call", metavar="ID")


def show_arguments(parser: Parser) -> None:
    """Take a call, and how it is shown."""
    one_call(parser)
    parser.add_argument("--json", action="store_true")


def trace_arguments(parser: Parser) -> None:
    """Take a call, and how much of it is shown."""
    show_arguments(parser)
    parser.add_argument("--messages", action="store_true")


async def call(request: Request, given: Namespace) -> None:
    """Show a call in progress: its ends, its state, where its script stands."""
    found = await _live(request, given.call)
    if given.json:
        await request.json(CALLS.row(found), _WHOLE)
        return
    lines = [
        f"call {found.id}: {found.from_} -> {found.to}, {found.direction}, {found.state}",
        f"since {clock(found.started_at)}"
        + ("" if found.answered_at is None else f", answered {clock(found.answered_at)}"),
    ]
    whose = (
        ("user", found.user),
        ("account", found.account),
        ("provider", found.provider),
        ("node", found.node),
    )
    lines.append(", ".join(f"{what} {value}" for what, value in whose if value))
    if found.dialplan is not None:
        line = "" if found.line is None else f", line {found.line}: {(found.text or '').strip()}"
        lines.append(f"dialplan {found.dialplan}, version {found.version}{line}")
    await request.say(*(line for line in lines if line))
    legs = [(leg.leg, leg.target, leg.state, leg.provider) for leg in found.legs]
    if legs:
        await request.say("", *table_lines(("leg", "to", "state", "provider"), legs, request.width))


async def trace(request: Request, given: Namespace) -> None:
    """Show what a call did, and why it ended so."""
    found = await request.usecases.traces.get(request.actor, given.call)
    if given.json:
        await request.json(asdict(found), _WHOLE)
        return
    await request.say(*found.text.rstrip("\n").split("\n"))
    if given.messages and found.messages_kept:
        for rung in found.ladder:
            way = "to" if rung.to_switch else "from"
            await request.say("", f"-- {rung.at:.3f} s, leg {rung.leg}, {way} the switch, {rung.flow}")
            await request.say(*rung.text.rstrip("\r\n").replace("\r\n", "\n").split("\n"))


async def hangup(request: Request, given: Namespace) -> None:
    """End a call."""
    found = await _live(request, given.call)
    await request.usecases.calls.hangup(request.actor, found.id)
    await request.say(f"ended {found.from_} -> {found.to}")


async def _live(request: Request, text: str) -> CallView:
    """Find a call in progress by its id, or by the beginning of it where that is of one call only."""
    fitting = []
    pages = everything(lambda cursor: request.usecases.calls.list(request.actor, limit=MOST, cursor=cursor))
    async for found in pages:
        if found.id == text:
            return found
        if text and found.id.startswith(text):
            fitting.append(found)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NotFound(f"{len(fitting)} calls in progress begin with {text}; write more of the id")
    raise NotFound(
        f"there is no call {text} in progress; 'calls' lists them, 'trace {text}' shows one that is over"
    )
