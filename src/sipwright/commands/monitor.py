"""`sipwright monitor`: watches servers from outside, on a machine of its own, and says when one is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import CommandError, Data, say
from sipwright.commands.systemd import tell_systemd

if TYPE_CHECKING:
    from sipwright.monitor.outside.settings import OutsideSettings

__all__ = ["monitor"]

AT_THE_END = 3.0
"""Seconds that a message which is under way has left when the watch is stopped."""


def monitor(
    file: Annotated[
        str, typer.Argument(metavar="FILE.toml", help="Who is watched, and who is told; or 'test'.")
    ],
    tested: Annotated[str, typer.Argument(metavar="FILE.toml", help="After 'test': the file.")] = "",
    data: Data = None,
) -> None:
    """Watch servers from another machine, and alert.

    They are asked for OPTIONS, REGISTER, a call, HTTPS, SSH, DNS SRV and the end of a certificate, as the file says.
    After ten losses in a row (one every 5 s) it alerts once, then once an hour, then says when it is over and how
    long it took. It needs no data folder; what it knows is kept beside the file, or in the folder of --data, and
    outlives a restart. It never restarts anything. `sipwright monitor test FILE.toml` sends a test alert to all who
    are told.

    \b
    Examples:
      sipwright monitor /etc/sipwright/watch.toml
      sipwright monitor test /etc/sipwright/watch.toml
    """
    from sipwright.monitor.outside.settings import read_settings

    if file == "test":
        if not tested:
            raise CommandError("which file? Write: sipwright monitor test FILE.toml")
        _test(read_settings(Path(tested)))
        return
    if tested:
        raise CommandError(f"{tested!r} is one argument too many; write: sipwright monitor FILE.toml")
    path = Path(file)
    settings = read_settings(path)
    state = Path(settings.state or path.with_suffix(".state.json").name)
    asyncio.run(_watch(settings, (data or path.parent) / state))


def _test(settings: OutsideSettings) -> None:
    from sipwright.monitor.alerts.outbox import deliver, shown

    if not settings.alerts:
        raise CommandError(
            "nobody is told: 'alerts' in the file is empty; add mailto://, json:// or another address"
        )
    title = f"[{settings.name}] A test"
    number = len(settings.server)
    watched = "1 server is watched" if number == 1 else f"{number} servers are watched"
    body = f"This is how an alert of {settings.name} arrives. {watched}.\n"
    failed = asyncio.run(deliver(title, body, True, settings.alerts))
    for address in settings.alerts:
        say(f"{'not delivered' if address in failed else 'delivered':13}  {shown(address)}")
    if failed:
        raise CommandError(
            f"{len(failed)} of {len(settings.alerts)} did not take the test alert; look at their addresses"
        )


def _counted(things: Sized, unit: str) -> str:
    return f"1 {unit}" if len(things) == 1 else f"{len(things)} {unit}s"


async def _watch(settings: OutsideSettings, state: Path) -> None:
    from sipwright.config import LogSettings, listen_address
    from sipwright.log_output import configure_log
    from sipwright.monitor.alerts.outbox import look_at
    from sipwright.monitor.outside.questions import questions_of
    from sipwright.monitor.outside.watch import OutsideWatch
    from sipwright.transport import Resolver

    configure_log(LogSettings())
    dns = listen_address(settings.dns) if settings.dns else None
    resolver = Resolver(server=dns, transports=["udp", "tcp", "tls"])
    questions = [
        question for server in settings.server for question in questions_of(server, resolver, dns=dns)
    ]
    watch = OutsideWatch(settings, questions, state)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    servers, asked = _counted(settings.server, "server"), _counted(questions, "question")
    say(f"Watching {servers} with {asked} every {settings.every:g} s.")
    tell_systemd("READY=1")
    looking = asyncio.create_task(look_at(settings.alerts))
    sending: asyncio.Task[None] | None = None
    while not stopped.is_set():
        began = time.monotonic()
        await watch.round(time.time())
        tell_systemd("WATCHDOG=1")
        if sending is None or sending.done():
            sending = asyncio.create_task(watch.send(time.time()))
        try:
            async with asyncio.timeout(max(0.1, settings.every - (time.monotonic() - began))):
                await stopped.wait()
        except TimeoutError:
            pass
    # What takes longer is in the file, and the next process goes on with it.
    await asyncio.wait([task for task in (looking, sending) if task is not None], timeout=AT_THE_END)
    for task in (looking, sending):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
