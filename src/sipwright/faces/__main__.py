"""``python -m sipwright.faces``: REST, the pages and the SSH console on sockets that the switch has opened."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import structlog

from sipwright.config import ConfigError, Settings
from sipwright.event_loop import new_loop
from sipwright.log_output import LogFile, configure_log
from sipwright.parent import end_with_parent
from sipwright.store.errors import StoreError
from sipwright.usecases.usecases import UseCases

__all__ = ["main"]

log = structlog.get_logger(__name__)

Closing = Callable[[], Awaitable[None]]

OPEN_AGAIN = LISTEN_AGAIN = 2.0
PATIENCE = 3.0
LOCKS_WITHIN = 2.0
"""Seconds after which somebody is told that the database does not work, as another program keeps it locked."""
NICENESS = 10
"""What this process takes of a busy machine stands back behind what the switch needs."""


def main() -> None:
    """Serve until SIGTERM, or until the switch has ended."""
    parser = argparse.ArgumentParser(prog="sipwright.faces", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--web", type=int, help="number of the socket of REST and the pages")
    given = parser.parse_args()
    end_with_parent()
    os.nice(NICENESS)
    settings = Settings.load(given.data)
    configure_log(settings.log)
    web = None if given.web is None else socket.socket(fileno=given.web)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(settings, web))


async def _serve(settings: Settings, web: socket.socket | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, LogFile().reopen)
    running = asyncio.create_task(_run(settings, web, stopped))
    await asyncio.wait([running, asyncio.ensure_future(stopped.wait())], return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await asyncio.wait([running], timeout=PATIENCE)
    if running.done():
        running.result()


async def _run(settings: Settings, web: socket.socket | None, stopped: asyncio.Event) -> None:
    usecases = await _open(settings)
    console = _Console(usecases, settings)
    await console.begin()
    closing = [close for close in (await _web(usecases, settings, web), console.close) if close is not None]
    gc.collect()
    gc.freeze()
    watching = [
        asyncio.create_task(usecases.bans.watch()),
        asyncio.create_task(usecases.ground.watch_what_waits()),
    ]
    log.info("pages started", web=settings.web.listen if web else "", ssh=console.listens_on)
    await stopped.wait()
    for task in watching:
        task.cancel()
    for close in reversed(closing):
        await close()
    await usecases.close()


async def _open(settings: Settings) -> UseCases:
    """Open the database, as soon as it is there: the switch may have lost it meanwhile."""
    said = None
    while True:
        try:
            return await UseCases.open(settings, patience=LOCKS_WITHIN)
        except StoreError as error:
            if said != (said := str(error)):
                log.warning("the pages wait for the database", error=said)
        await asyncio.sleep(OPEN_AGAIN)


async def _web(usecases: UseCases, settings: Settings, listening: socket.socket | None) -> Closing | None:
    if listening is None:
        return None
    from sipwright.web.app import create_app, wrap
    from sipwright.web.server import WebServer

    app = create_app(usecases, settings)
    server = WebServer(wrap(app, settings, usecases.bans.is_banned), settings, listening)
    await server.start()

    async def stop() -> None:
        app.state.closing.set()  # streams of events end by themselves
        await server.stop()

    return stop


class _Console:
    """The SSH console, which tries again to listen where something else does."""

    def __init__(self, usecases: UseCases, settings: Settings) -> None:
        self._usecases = usecases
        self._listen = settings.ssh.listen if find_spec("sipwright.console") is not None else ""
        self._settings = settings
        self._close: Closing | None = None
        self._refusal: str | None = None
        self._trying: asyncio.Task[None] | None = None

    @property
    def listens_on(self) -> str:
        """Where it listens, "" while it does not."""
        return self._listen if self._close is not None else ""

    async def begin(self) -> None:
        """Listen, now or as soon as that is possible."""
        if self._listen and not await self._has_begun():
            self._trying = asyncio.create_task(self._try_again())

    async def close(self) -> None:
        """Listen no longer."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])
        if self._close is not None:
            await self._close()

    async def _try_again(self) -> None:
        while self._close is None:
            await asyncio.sleep(LISTEN_AGAIN)
            if await self._has_begun():
                log.info("the SSH console listens now", listen=self._listen)

    async def _has_begun(self) -> bool:
        console = import_module("sipwright.console")
        try:
            # A module that is loaded by its name is nothing that a checker can look into.
            self._close = cast("Closing", (await console.start(self._usecases, self._settings)).close)
        except (OSError, ConfigError) as error:
            self._tell(error)
            return False
        return True

    def _tell(self, error: OSError | ConfigError) -> None:
        """Say once why it does not listen."""
        before, self._refusal = self._refusal, str(error)
        if before == self._refusal:
            return
        advice = {}
        if isinstance(error, OSError):
            advice["what_to_do"] = 'change [ssh] listen in sipwright.toml; "" is for none'
        log.warning(
            "the SSH console cannot listen, which is tried again", listen=self._listen, error=self._refusal,
            **advice,
        )  # fmt: skip


if __name__ == "__main__":
    main()
