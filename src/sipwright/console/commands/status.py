"""``status``: whether everything works, part by part, and what somebody has to look at."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request
from sipwright.tables import clock

__all__ = ["arguments", "status"]

_HEADS = ("part", "node", "state", "ms", "since", "why")


def arguments(parser: Parser) -> None:
    """Take how it is shown."""
    parser.add_argument("--json", action="store_true")


async def status(request: Request, given: Namespace) -> None:
    """Show how everything is."""
    found = await request.usecases.status.get(request.actor)
    if given.json:
        await request.json(asdict(found))
        return
    rows = [
        (
            one.part, one.node, "works" if one.up else "does not work",
            "" if one.milliseconds is None else f"{one.milliseconds:.1f}",
            clock(one.since), one.reason or "",
        )
        for one in found.parts
    ]  # fmt: skip
    await request.table(_HEADS, rows, "nothing is known of any part")
    for alert in found.alerts:
        first = f"; look first: {alert.advice}" if alert.advice else ""
        await request.say(f"{alert.text}, since {clock(alert.since)}{first}")
    if not found.wrong and not found.alerts:
        await request.say("all is well")
