"""``python -m sipwright.faces``: REST, the pages and the SSH console on sockets that the switch has opened."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from sipwright.config import Settings
from sipwright.faces.parent import end_with_parent
from sipwright.log_output import LogFile, configure_log

__all__ = ["main"]

log = structlog.get_logger(__name__)

NICENESS = 10
"""What this process takes of a busy machine stands back behind what the switch needs."""


def main() -> None:
    """Serve until SIGTERM, or until the switch has ended."""
    parser = argparse.ArgumentParser(prog="sipwright.faces", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--web", type=int, help="number of the socket of REST and the pages")
    parser.add_argument("--ssh", type=int, help="number of the socket of the console")
    given = parser.parse_args()
    end_with_parent()
    os.nice(NICENESS)
    settings = Settings.load(given.data)
    configure_log(settings.log)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(settings, _socket(given.web), _socket(given.ssh)))


def _socket(number: int | None) -> socket.socket | None:
    return None if number is None else socket.socket(fileno=number)


async def _serve(settings: Settings, web: socket.socket | None, ssh: socket.socket | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, LogFile().reopen)
    closing: list[Callable[[], Awaitable[None]]] = []
    if web is not None:
        from sipwright.web.app import create_app
        from sipwright.web.server import WebServer

        server = WebServer(create_app(settings), settings, web)
        await server.start()
        closing.append(server.stop)
    gc.collect()
    gc.freeze()
    log.info(
        "pages started", web=settings.web.listen if web else None, ssh=settings.ssh.listen if ssh else None
    )
    await stopped.wait()
    for close in reversed(closing):
        await close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()
