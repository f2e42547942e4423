"""The switch as a process, killed and started again while the phones go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from interop.harness import DOMAIN, PASSWORD, RunningSwitch, until
from interop.harness.switch import HOST
from sipwright.store.writing.log_applier import Applier

__all__ = ["DOMAIN", "FIRST_PORT", "HOST", "LAST_PORT", "PASSWORD", "WIDE", "SwitchProcess", "complaints"]

FIRST_PORT, LAST_PORT = 17_000, 17_999

# One user makes all the calls here, more than any person would.
WIDE_LIMITS = {
    "DIALPLAN__USER_RUNS": "20000",
    "DIALPLAN__USER_RUNS_PER_MINUTE": "60000",
    "DIALPLAN__USER_SECONDS_PER_MINUTE": "3600",
}

THIS_RELEASE = {
    "SIP__CALLS_PER_ACCOUNT": "20000",
    # Callers from outside, whose connections end, wait on this very address to be called back there.
    "SIP__NETWORKS": '["127.0.0.0/8"]',
}

WIDE = WIDE_LIMITS | THIS_RELEASE
"""The settings of a switch of this release that has such a load."""

LONGEST_BETWEEN = 0.05
"""Seconds from the death of one process of a switch to that of the next one, at most."""

KNOWN_TO_ALL = ("SIP__UDP", "SIP__TCP")
"""Where every release listens. One refuses to start with a setting that it does not know, and 0.1.0 has no faces."""


class SwitchProcess(RunningSwitch):
    """A switch with its data folder that does not stay dead."""

    patience = 60.0

    def __init__(
        self, port: int, plans: Mapping[str, str], accounts: Iterable[tuple[str, str, str]],
        providers: Mapping[str, str], settings: Mapping[str, str], begins_with: Path | None = None,
        seed: int = 1,
    ) -> None:  # fmt: skip
        """Make the data folder; `begins_with` is the program of another release that does so, and is started first.

        The `seed` says in which order processes die, where the settings let it consist of several.
        """
        self._dice = Random(seed)
        if begins_with is not None:
            self.program = begins_with
        super().__init__()
        self.port = port
        self._settings = {"LOG__LEVEL": "warning", **WIDE_LIMITS, **settings}
        self.set_dialplans(plans)
        self.add_accounts(accounts)
        for name, server in providers.items():
            self.add_provider(name, server)

    def run_command(self, *arguments: str) -> str:
        """Run a command of the program that is to be started, on the data folder."""
        if self._is_of_this_release:
            return super().run_command(*arguments)
        command = [str(self.program), *arguments, "--data", str(self.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    async def launch(self) -> None:
        """Start it and wait until it answers."""
        own = THIS_RELEASE if self._is_of_this_release else {}
        await asyncio.to_thread(self.start, **own, **self._settings)

    def _listening(self) -> dict[str, str]:
        places = super()._listening()
        return places if self._is_of_this_release else {name: places[name] for name in KNOWN_TO_ALL}

    @property
    def _is_of_this_release(self) -> bool:
        return self.program is RunningSwitch.program

    async def end(self, how: signal.Signals) -> None:
        """End it, and wait until it is gone; from now on it is the program of this release."""
        if how == signal.SIGKILL:
            await asyncio.to_thread(self._kill_all)
        else:
            await asyncio.to_thread(self.stop, how)
        if not self._is_of_this_release:
            self.program = RunningSwitch.program
            await asyncio.to_thread(self.run_command, "init")  # which brings its database up to date

    def _kill_all(self) -> None:
        """Kill all processes, within moments: the supervisor last, which starts nobody again meanwhile."""
        children = _children(self.pid)
        if children:
            os.kill(self.pid, signal.SIGSTOP)
            self._dice.shuffle(children)
        for child in children:
            os.kill(child, signal.SIGKILL)
            time.sleep(self._dice.choice((0.0, self._dice.uniform(0.0, LONGEST_BETWEEN))))
        self.stop(signal.SIGKILL)
        until(lambda: not any(map(_is_there, children)), "all processes have ended", self.patience)

    async def open(self) -> None:
        """Start it for the first time."""
        await self.launch()

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Ask the database, with all that is committed."""
        path = self.data / "sipwright.db"
        applier = Applier(path)
        applier.apply()
        applier.close()
        connection = sqlite3.connect(path, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, arguments)]
        finally:
            connection.close()

    def tracebacks(self) -> list[str]:
        """Return the complaints in the log."""
        return complaints(self.log_text())


def _children(pid: int) -> list[int]:
    """Return the workers, and what keeps the database for them; a switch of one process has none that matters."""
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in found if b"sipwright.commands." in Path(f"/proc/{child}/cmdline").read_bytes()]


def _is_there(pid: int) -> bool:
    """Return whether a process has not ended (`man 5 proc_pid_stat`); who is to bury it may have been killed, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def complaints(text: str) -> list[str]:
    """Return what a log complains of."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event.get("level") in ("error", "critical") or "exception" in event:
                found.append(f"{event['event']}: {event.get('exception', event.get('error', ''))[-400:]}")
        elif "Error" in line or "Traceback" in line:
            found.append(line)
    return found
