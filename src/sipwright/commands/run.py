"""`sipwright run`: the switch, until SIGTERM."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import CommandError, Data, data_dir, say
from sipwright.commands.ownership import warn_root
from sipwright.commands.systemd import tell_systemd, watchdog_interval
from sipwright.event_loop import new_loop

if TYPE_CHECKING:
    from sipwright.commands.hand_over import HandOver
    from sipwright.commands.welcome import FirstStart
    from sipwright.config import Settings
    from sipwright.node.several.crew import Place
    from sipwright.node.several.neighbours import Neighbours

__all__ = ["explain", "hold", "run", "serve"]

MOST_WORKERS = 64

SWITCH_INTERVAL = 0.001
"""Seconds for which a thread may keep the loop waiting; with the usual 5 ms the one of the log has half of the time."""


def run(
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, max=MOST_WORKERS,
            help="How many processes the switch consists of, one for each core at most. "
            "[default: [run] workers in sipwright.toml, else 1]",
        ),
    ] = None,
    data: Data = None,
) -> None:  # fmt: skip
    """Run the switch until SIGTERM or Ctrl-C.

    On first start in an empty folder it makes the settings, the database, the admin, and two accounts (alice and bob)
    with example dialplans, and says what to type into a phone. Calls in progress survive a restart, also after SIGKILL.

    With several workers that many processes share the ports, and each handles the calls of some of the phones. One that
    dies is started again, and goes on with its calls. Each is a node, and `sipwright node list` shows them. On SQLite
    one process more has the database, to which the workers hand what they store.

    \b
    Examples:
      sipwright run
      sipwright run --workers 4
      SIPWRIGHT_SIP__UDP='["127.0.0.1:5070"]' sipwright run --data /srv/sipwright
    """
    gc.disable()  # for good: `node/collector.py` decides when to look
    from sipwright.log_output import configure_log, load_log

    load_log()
    from sipwright.commands.welcome import prepare, welcome
    from sipwright.config import Settings
    from sipwright.store.database import missing_file

    folder = data_dir(data)
    made = prepare(folder)
    if warning := warn_root(folder):
        say(warning, is_error=True)
    settings = Settings.load(folder)
    if settings.key_file.exists() and (path := missing_file(settings.database_url)) is not None:
        raise CommandError(
            f"the database {path} is not here, though its key file is; copy it back, "
            "or run 'sipwright init' to begin with an empty one"
        )
    configure_log(settings.log)
    held = hold(folder)
    if (count := workers or settings.run.workers) > 1:
        _become_supervisor(settings, count, held, made)
    try:
        serve(settings, partial(welcome, settings, made))
    except OSError as error:
        raise CommandError(explain(error, settings)) from None
    finally:
        os.close(held)


def serve(
    settings: Settings, on_ready: Callable[[bool, str | None, bool], None], sockets: HandOver | None = None
) -> None:
    """Be the switch, or one of its workers, until SIGTERM; `sockets` are what an earlier process has left.

    Raises:
        OSError: An address cannot be had.
        UserError: The database cannot be used, or another node has taken over.
    """
    _renounce()
    sys.setswitchinterval(SWITCH_INTERVAL)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(settings, on_ready, sockets))


def _become_supervisor(settings: Settings, count: int, held: int, made: FirstStart | None) -> None:
    import json
    from dataclasses import asdict

    from sipwright.commands.supervisor import become

    is_sqlite = settings.database_url.startswith("sqlite")
    if is_sqlite and not _has_locks(held):
        # Else one would take the segments of another one, which lives, for those of a dead process.
        raise CommandError(
            f"several workers on SQLite need locks, which the file system of {settings.data_dir} has not; "
            "move the data folder, or run one"
        )
    first = "" if made is None else json.dumps(asdict(made))
    become(
        str(settings.data_dir), count, held, as_json=settings.log.format == "json", made=first,
        has_keeper=is_sqlite,
    )  # fmt: skip


def _has_locks(held: int) -> bool:
    """Return whether the file system of a file that is locked, if it can be, has locks."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def hold(folder: Path) -> int:
    """Keep a second switch from our calls and scripts; the lock ends with the process, also after SIGKILL.

    Raises:
        CommandError: A switch is running already.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise CommandError(
            f"a switch is running already with the data folder {folder}; stop it first"
        ) from None
    except OSError:
        pass  # this file system has no locks
    return handle


def _renounce() -> None:
    import structlog

    from sipwright.services.dialplan.sandbox.privileges import renounce

    if (why := renounce()) is not None:
        structlog.get_logger(__name__).warning("workers of the sandbox may gain privileges", why=why)


async def _serve(
    settings: Settings, on_ready: Callable[[bool, str | None, bool], None], sockets: HandOver | None
) -> None:
    from sipwright.commands.bounded_stop import SECONDS, SECONDS_OF_WORKER, BoundedStop
    from sipwright.commands.faces_process import FacesProcess
    from sipwright.commands.hand_over import HandOver
    from sipwright.log_output import LogFile
    from sipwright.node.node import Node

    stopped, bound = asyncio.Event(), BoundedStop(SECONDS_OF_WORKER if settings.worker else SECONDS)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        bound.begin()
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    log_file, faces = LogFile(), FacesProcess(settings)

    def reopen_log() -> None:
        log_file.reopen()
        faces.reopen_log()

    loop.add_signal_handler(signal.SIGHUP, reopen_log)
    sockets = sockets or HandOver.from_environment()
    node = await Node.open(settings, _place(settings, sockets))
    sockets.give(node.stack.transports)
    await node.start()
    sockets.keep(node.stack.transports)
    if settings.worker <= 1:
        faces.start()
    users = await node.store.list_users()
    admin = next((user.name for user in users if user.role == "admin"), None)
    on_ready(faces.has_pages, admin, faces.has_console)
    tell_systemd("READY=1")
    alive = asyncio.create_task(_say_alive())
    await _ended(stopped, node.neighbours)
    bound.begin(settings.cluster.lost_after)  # until another node has what was handed over
    tell_systemd("STOPPING=1")
    alive.cancel()
    if node.neighbours is not None and node.neighbours.lost.is_set():
        await asyncio.gather(faces.stop(), node.abandon())
        raise CommandError(
            f"another node has taken over from {settings.node}, which was not heard of for too long, or said to be no "
            "more; start it again"
        )
    await asyncio.gather(faces.stop(), node.stop())


def _place(settings: Settings, sockets: HandOver) -> Place | None:
    """Return which of several workers this process is, if there are several."""
    if not settings.worker:
        return None
    from sipwright.node.several.crew import Place

    return Place(settings.node.partition("+")[0], settings.worker, sockets.links())


async def _say_alive() -> None:
    """Let the service manager hear that the loop goes round, as often as it wants to."""
    interval = watchdog_interval()
    while interval is not None:
        tell_systemd("WATCHDOG=1")
        await asyncio.sleep(interval)


async def _ended(stopped: asyncio.Event, neighbours: Neighbours | None) -> None:
    """Wait until somebody stops the switch, or another node has taken over from it."""
    events = [stopped] if neighbours is None else [stopped, neighbours.lost, neighbours.drained]
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def explain(error: OSError, settings: Settings) -> str:
    """Say why the switch cannot listen, and what to do about it."""
    from sipwright.transport.certificates import CertificateError

    if isinstance(error, CertificateError):
        return str(error)
    where = ", ".join(dict.fromkeys([*(text for _, text in settings.sip.listens), *settings.stun.listen]))
    advice = "is another switch running? Change [sip] udp and tcp in sipwright.toml, or stop the other one"
    if error.errno == errno.EADDRNOTAVAIL:
        advice = "this machine has no such address; change [sip] udp and tcp in sipwright.toml"
    elif error.errno in (errno.EACCES, errno.EPERM):
        advice = "ports below 1024 are for root only; change [sip] udp and tcp in sipwright.toml"
    return f"cannot listen on {where}: {error.strerror or error}; {advice}"
