"""The switch as its users run it: a data folder made with the command line, and `sipwright run` as a process."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from folders import data_folder
from sipwright.commands.__main__ import run

from .network import free_port, is_listening, until
from .phone import Phone
from .sipp import ScenarioFailed, Sipp, Trace

DOMAIN = "sip.test"
PASSWORD = "secret"
ADMIN, ADMINS_PASSWORD = "root", "very secret"
HOST = "127.0.0.1"
SPARE_ACCOUNTS = 60
NO_FACES = {"WEB__LISTEN": "", "SSH__LISTEN": ""}

OURS = "SIPWRIGHT_"
"""What the environment variables of a switch begin with."""


class RunningSwitch:
    """One switch with its data folder; `start` and `close` bracket its life.

    It has `patience` seconds to answer after its start, and to end when it is told to. `program` is what is started,
    by the command `within` if there is one.
    Nothing waits as long as that on a machine with little to do: it is how much busier than that one may be.
    """

    patience = 60.0
    program = Path(sys.executable).with_name("sipwright")
    within: Sequence[str] = ()

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sipwright-interop-"))
        self.data = self.folder / "data"
        self.port, self.tls_port = free_port(HOST), free_port(HOST)
        self._log = self.folder / "switch.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._peers: list[Sipp] = []
        self._looked_at = 0
        self._spare = itertools.count()
        self._make_folder()

    def _make_folder(self) -> None:
        """Make the data folder, as a copy of one where nothing says that this one is to be different."""
        if self.program is RunningSwitch.program and not any(name.startswith(OURS) for name in os.environ):
            data_folder(self.data, DOMAIN, ADMIN, ADMINS_PASSWORD)
        else:
            self.run_command("init", "--domain", DOMAIN, "--admin", ADMIN, "--password", ADMINS_PASSWORD)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, over UDP and TCP."""
        return HOST, self.port

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    # The command line.

    def run_command(self, *arguments: str) -> str:
        """Run one of the `sipwright` commands on the data folder and return what it prints.

        It runs in this process: starting an interpreter for each would cost more than all the calls do.
        """
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = run([*arguments, "--data", str(self.data)])
        assert status == 0, f"sipwright {' '.join(arguments)}: {complained.getvalue()}"
        return said.getvalue()

    def add_accounts(self, accounts: Iterable[str | tuple[str, str, str]]) -> None:
        """Add accounts: a name, or a name with its out and its in dialplan (empty for none); and the spare ones."""
        lines = [f"phone{number},{PASSWORD},,,\n" for number in range(SPARE_ACCOUNTS)]
        for account in accounts:
            name, out, into = (account, "", "") if isinstance(account, str) else account
            lines.append(f"{name},{PASSWORD},,{out},{into}\n")
        path = self.folder / "accounts.csv"
        path.write_text("".join(lines))
        self.run_command("account", "import", str(path))

    def new_account(self) -> str:
        """Return the name of an account without dialplans that no test has used yet."""
        return f"phone{next(self._spare) % SPARE_ACCOUNTS}"

    def set_dialplans(self, plans: Mapping[str, str]) -> None:
        """Store dialplans by name."""
        for name, source in plans.items():
            path = self.folder / f"{name}.py"
            path.write_text(source)
            self.run_command("dialplan", "set", name, str(path))

    def add_provider(
        self, name: str, server: str, username: str = "trunk", password: str = PASSWORD, *options: str
    ) -> None:
        """Add a provider of the admin's."""
        named = ("--server", server, "--username", username, "--password", password)
        self.run_command("provider", "add", name, *named, *options)

    def cdrs(self, call_id: str, legs: int = 1) -> list[dict[str, Any]]:
        """Return the CDRs of the call whose caller used this Call-ID, leg by leg, once there are that many."""

        def ask() -> list[dict[str, Any]]:
            rows = self.all_cdrs()
            begun = [row for row in rows if row["leg"] == 0 and row["sip_call_id"] == call_id]
            ours = {row["call_id"] for row in begun}
            found = [row for row in rows if row["call_id"] in ours]
            return found if len(found) >= legs else []

        return until(ask, f"{legs} CDRs of {call_id}", pause=0.05)

    def all_cdrs(self) -> list[dict[str, Any]]:
        """Return the CDRs of all calls, leg by leg."""
        rows = self._listed("cdrs", "--legs", "--limit", "100000")
        return sorted(rows, key=lambda row: (row["call_id"], row["leg"]))

    def records(self, *options: str) -> list[dict[str, Any]]:
        """Return what became of calls, the newest first, as the command line lists it."""
        return self._listed("cdrs", *options)

    def calls(self, *options: str) -> list[dict[str, Any]]:
        """Return the calls in progress."""
        return self._listed("calls", *options)

    def bindings(self, account: str) -> list[dict[str, Any]]:
        """Return where the phones of an account are."""
        return [row for row in self._listed("bindings") if row["account"] == f"{account}@{DOMAIN}"]

    def _listed(self, *command: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run_command(*command, "--json"))
        return rows

    # The process.

    def start(self, **settings: str) -> None:
        """Start the switch and wait until it answers; `settings` are environment variables without their prefix."""
        variables = {"LOG__FORMAT": "json", **self._listening(), **settings}
        # A switch that is installed has its bytecode: without it half of a start would go into making that.
        removed = (OURS, "PYTHONDONTWRITEBYTECODE")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(removed)}
        environment |= {f"{OURS}{name}": value for name, value in variables.items()}
        command = [*self.within, str(self.program), "run", "--data", str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        until(self._answers, "the switch answers OPTIONS", self.patience)
        if not self.within:  # whose sockets would be those of another network
            by_tcp = json.loads(variables["SIP__TCP"])
            until(lambda: self._have_come(by_tcp), "it listens for connections", self.patience)
        faces = [settings[name] for name in NO_FACES if settings.get(name)]
        until(lambda: self._have_come(faces), "its pages and its console listen", self.patience)

    def _listening(self) -> dict[str, str]:
        """Return the settings that say where it listens, if nobody says otherwise."""
        listen = json.dumps([f"{HOST}:{self.port}"])
        tls = json.dumps([f"{HOST}:{self.tls_port}"])
        return {"SIP__UDP": listen, "SIP__TCP": listen, "SIP__TLS": tls, **NO_FACES}

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the switch ended with {self._process.returncode}: {self.log_text()[-2000:]}")
        with Phone(self.address) as phone:
            try:
                return phone.options().status == 200
            except TimeoutError:
                return False

    def _have_come(self, faces: list[str]) -> bool:
        """Return whether these of its faces listen, which they do after SIP, or it has said that they cannot."""
        places = [face.rsplit(":", 1) for face in faces]
        return all(is_listening(host, int(port), "tcp") for host, port in places) or bool(
            self.events("the pages cannot listen, which is tried again")
        )

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End the process, and wait until it is gone."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """End everything and remove the data folder."""
        self.end_peers()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Return whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    # Its log.

    def log_text(self) -> str:
        """Return everything that was logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _log_lines(self) -> list[str]:
        """Return the lines that are whole: another one may just be written."""
        return self.log_text().rpartition("\n")[0].splitlines()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the log events, all or those of one name."""
        lines = [line for line in self._log_lines() if line.startswith("{")]
        events = [json.loads(line) for line in lines]
        return [event for event in events if name is None or event["event"] == name]

    def new_faults(self) -> list[str]:
        """Return what has gone wrong inside the switch since this was asked last."""
        lines = self._log_lines()[self._looked_at :]
        self._looked_at += len(lines)
        return [line for line in lines if _is_fault(line)]

    def sipp(self, scenario: str, *, host: str = HOST, port: int | None = None, protocol: str = "udp", calls: int = 1,
             rate: int = 100, **words: object) -> Trace:  # fmt: skip
        """Run a scenario that calls the switch, to its end; `words` fill in what it has in square brackets."""
        run = self.start_sipp(
            scenario, host=host, port=port, protocol=protocol, calls=calls, rate=rate, **words
        )
        try:
            return run.finish()
        except ScenarioFailed as error:
            others = [
                f"--- {peer.scenario} at {peer.address}\n{peer.story()}"
                for peer in self._peers
                if peer is not run
            ]
            raise ScenarioFailed("\n".join([str(error), *others])) from None

    def start_sipp(self, scenario: str, *, host: str = HOST, port: int | None = None, protocol: str = "udp",
                   calls: int = 1, rate: int = 100, **words: object) -> Sipp:  # fmt: skip
        """Start a scenario that calls the switch."""
        caller = str(words.get("caller", "nobody"))
        password = str(words.pop("password", PASSWORD))
        filled = {"domain": DOMAIN, "caller": caller, "address": host, **words}
        arguments = [f"{HOST}:{self.port}", "-m", str(calls), "-r", str(rate), "-au", caller, "-ap", password]
        return self._keep(Sipp(arguments, scenario, filled, host, port or free_port(host), protocol))

    def answering(self, scenario: str, account: str | None = None, *, host: str = HOST, port: int | None = None,
                  protocol: str = "udp", calls: int = 1, **words: object) -> Sipp:  # fmt: skip
        """Start a scenario that waits to be called, after registering its address for an account."""
        port = port or free_port(host)
        if account is not None:
            self.sipp("register", host=host, port=port, caller=account)
        callee = Sipp(
            ["-m", str(calls)], scenario, {"address": host, "rings": 0, **words}, host, port, protocol
        )
        return self._keep(callee).wait_until_ready()

    def _keep(self, peer: Sipp) -> Sipp:
        self._peers.append(peer)
        return peer

    def end_peers(self) -> None:
        """End what tests have started."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()


def _is_fault(line: str) -> bool:
    """Return whether a line of the log tells of a fault of ours: a provider that is away is none."""
    if not line.startswith("{"):
        return line.startswith(("Traceback", "Exception"))
    event = json.loads(line)
    if event["event"] == "part is down" and event["part"].startswith("provider/"):
        return False
    return "exception" in event or event.get("level") in ("error", "critical")
