"""``python -m sipwright.commands.keeper``: the process that keeps an SQLite database for several workers."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from sipwright.commands.systemd import tell_systemd, watchdog_interval
from sipwright.config import Settings
from sipwright.event_loop import new_loop
from sipwright.log_output import LogFile, configure_log, load_log
from sipwright.parent import end_with_parent

__all__ = ["main"]


def main() -> None:
    """Run until SIGTERM, or until the supervisor has ended."""
    load_log()
    parser = argparse.ArgumentParser(prog="sipwright.commands.keeper", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--number", type=int, help="0, as the supervisor counts")
    given = parser.parse_args()
    end_with_parent()
    settings = Settings.load(given.data)
    configure_log(settings.log)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_keep(settings))


async def _keep(settings: Settings) -> None:
    from sipwright.store.writing.keeper import Keeper

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, LogFile().reopen)
    keeper = Keeper(Path(settings.database_url.removeprefix("sqlite:///")))
    await keeper.start(settings.data_dir)
    tell_systemd("READY=1")
    interval = watchdog_interval()
    while not stopped.is_set():
        tell_systemd("WATCHDOG=1")
        try:
            async with asyncio.timeout(interval):
                await stopped.wait()
        except TimeoutError:
            continue
    await keeper.close()


if __name__ == "__main__":
    main()
