"""What is typed about the console itself: ``filter``, ``pause``, ``quit``, ``help``; and ``events`` for a pipe."""

from __future__ import annotations

from argparse import REMAINDER, Namespace

import orjson

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request
from sipwright.console.event_feed import EventFeed
from sipwright.console.event_lines import event_line
from sipwright.control.events import Event

__all__ = ["event_arguments", "events", "filter_arguments", "filter_events", "pause", "quit_console"]

_AT_ONCE = 200


def filter_arguments(parser: Parser) -> None:
    """Take a filter as it stands."""
    parser.add_argument("filter", metavar="FILTER", nargs=REMAINDER)


def event_arguments(parser: Parser) -> None:
    """Take a filter, and how events are printed."""
    parser.add_argument("--json", action="store_true")
    filter_arguments(parser)


async def filter_events(request: Request, given: Namespace) -> None:
    """Show only the events that fit a filter; without one all of them."""
    assert request.steering is not None
    await request.say(await request.steering.set_filter(" ".join(given.filter)))


async def pause(request: Request, given: Namespace) -> None:
    """Hold events back, or let them go on."""
    assert request.steering is not None
    await request.say(request.steering.pause())


async def quit_console(request: Request, given: Namespace) -> None:
    """End the session."""
    assert request.steering is not None
    request.steering.quit()


async def events(request: Request, given: Namespace) -> None:
    """Print events as they happen, one on a line, until the client leaves; --json prints each as JSON."""
    feed: EventFeed[Event] = EventFeed()
    async with feed.filled_from(
        request.usecases.events.follow(request.actor, q=" ".join(given.filter) or None)
    ):
        while True:
            await feed.wait()
            found, lost = feed.pop(_AT_ONCE)
            if lost:
                await request.say(
                    f"{lost} events are left out: they came faster than they were read", is_error=True
                )
            if given.json:
                await request.output.write(
                    "".join(orjson.dumps(event.shown()).decode() + "\n" for event in found)
                )
            else:
                await request.lines([event_line(event, has_colours=request.has_colours) for event in found])
