"""``sipwright node``: the switches that share a database, and how one takes over from another."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    clock,
    data_dir,
    group,
    print_json,
    print_table,
    say,
)
from sipwright.commands.control import require_switch
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.nodes import NodeView

__all__ = ["app"]

LOOK_EVERY = 0.3

app = group("node", "The switches that share a database.")


@app.command("list")
def list_nodes(as_json: Json = False, data: Data = None) -> None:
    """List the nodes: how each stands, and what it has.

    One that is away has not been heard of; when another one has its calls it is lost.

    \b
    Examples:
      sipwright node list
      sipwright node list --json | jq -r '.[] | select(.state != "up").node'
    """

    async def work(usecases: UseCases, actor: Actor) -> list[NodeView]:
        pages = everything(lambda cursor: usecases.nodes.list(actor, limit=MOST, cursor=cursor))
        return [view async for view in pages]

    views = with_usecases(data, work)
    if as_json:
        print_json([asdict(view) for view in views])
        return
    lines = (
        (view.node, view.state, view.calls, view.phones, view.version or "",
         "" if view.started_at is None else clock(view.started_at))
        for view in views
    )  # fmt: skip
    print_table(("node", "state", "calls", "phones", "version", "since"), lines, "there is no node")


@app.command()
def takeover(
    node: Annotated[
        str | None,
        typer.Argument(metavar="NODE", help="The node that is no more. [default: the only other one]"),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Go on at once with the calls of a node that is no more.

    The switch of this data folder takes them. It is what keepalived calls when the address of the service comes here.
    Should the other node live after all, it finds that its calls are not its own any more, and stops.

    \b
    Examples:
      sipwright node takeover
      sipwright node takeover north --data /srv/sipwright
    """
    require_switch(data)
    calls = with_usecases(data, lambda usecases, actor: usecases.nodes.takeover(actor, node))
    if as_json:
        print_json({"calls": calls})
    else:
        say(f"{calls} calls go on here")


@app.command()
def drain(
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="For how many seconds this waits until everything is handed over.",
            min=0.0,
        ),
    ] = 60.0,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Give what is in progress here to the other nodes, and stop.

    This returns once another node has it and the switch has ended, and shows meanwhile how many calls are left.

    \b
    Example:
      sipwright node drain && apt-get upgrade && systemctl start sipwright
    """
    require_switch(data)
    others = with_usecases(data, lambda usecases, actor: usecases.nodes.drain(actor))
    where = " or ".join(others)
    if not as_json:
        say(f"the switch stops; its calls go on at {where}")
    deadline = time.monotonic() + timeout
    before = None
    while _is_running(data_dir(data)):
        left = with_usecases(data, lambda usecases, actor: usecases.nodes.left(actor))
        if left != before and not as_json:
            say(f"{left} calls are left")
        before = left
        if time.monotonic() >= deadline:
            raise CommandError(
                f"after {timeout:g} s the switch has not ended, and {left} of its calls are left"
            )
        time.sleep(LOOK_EVERY)
    if as_json:
        print_json({"to": others})


def _is_running(folder: Path) -> bool:
    """Return whether a switch holds a data folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # this file system has no locks
    finally:
        os.close(handle)
    return False
