"""Runs sipp with one of the scenarios in ``sipp/``, and reads back what it sent and received."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sipwright.sip import Request, Response, parse

from .network import is_listening, until

SCENARIOS = Path(__file__).parents[1] / "sipp"

# How long a scenario may take in all; sipp then gives up by itself.
PATIENCE = 120

_ENTRY = re.compile(
    rb"^-{40,} [-0-9]+ [:.0-9]+\n(?:UDP|TCP) message (sent|received) [(\[](\d+)[^\n]*\n\n", re.MULTILINE
)

Message = Request | Response


class ScenarioFailed(AssertionError):
    """The other side did not do what the scenario expects."""


@dataclass
class Trace:
    """The messages of one run of a scenario, in order; what came again, as UDP has it, came once."""

    sent: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Trace:
        """Read the message log that sipp wrote."""
        trace, came = cls(), set()
        text = path.read_bytes() if path.exists() else b""
        for entry in _ENTRY.finditer(text):
            data, way = text[entry.end() : entry.end() + int(entry[2])], entry[1].decode()
            if way == "sent" or data not in came:
                getattr(trace, way).append(parse(data))
                came.add(data)
        return trace

    @property
    def statuses(self) -> list[int]:
        """The status codes received, repetitions and 100 left out."""
        found = [message.status for message in self.received if isinstance(message, Response)]
        return [status for status in dict.fromkeys(found) if status != 100]

    def response(self, status: int, method: str | None = None) -> Response:
        """The first response of that status that came in."""
        for message in self.received:
            if (
                isinstance(message, Response)
                and message.status == status
                and method in (None, message.cseq.method)
            ):
                return message
        raise ScenarioFailed(f"no {status} among {[str(message) for message in self.received]}")

    def request(self, method: str, number: int = 0) -> Request:
        """A request that came in, by its place among those of its method."""
        return self._requests(self.received, method)[number]

    def sent_request(self, method: str, number: int = 0) -> Request:
        """A request that was sent, by its place among those of its method; the last one is -1."""
        return self._requests(self.sent, method)[number]

    def requests(self, method: str) -> list[Request]:
        """The requests of a method that came in, with a repetition counted once."""
        return self._requests(self.received, method)

    @staticmethod
    def _requests(messages: list[Message], method: str) -> list[Request]:
        found = [message for message in messages if isinstance(message, Request) and message.method == method]
        return list(
            {
                (message.call_id, str(message.cseq), message.top_via.branch): message for message in found
            }.values()
        )


class Sipp:
    """One sipp process with its scratch folder; `finish` waits for it and returns the trace.

    `words` stand in the scenario in square brackets, beside sipp's own keywords. They are filled in
    beforehand, since sipp
    cannot put one everywhere (a status, for example).
    """

    def __init__(
        self,
        arguments: list[str],
        scenario: str,
        words: Mapping[str, object],
        host: str,
        port: int,
        protocol: str,
    ) -> None:
        self.host, self.port, self.protocol = host, port, protocol
        self.scenario = scenario
        self._folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="latin-1")
        for name, word in words.items():
            text = text.replace(f"[{name}]", str(word))
        (self._folder / "scenario.xml").write_text(text, encoding="latin-1")
        self._process = subprocess.Popen(
            [
                "sipp", *arguments, "-sf", "scenario.xml",
                "-i", host, "-p", str(port), "-bind_local", "-t", f"{protocol[0]}1", "-nostdin",
                "-timeout", str(PATIENCE), "-timeout_error",
                "-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log",
            ],
            cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Where it listens, as a Contact has it."""
        return f"{self.host}:{self.port}"

    def wait_until_ready(self) -> Sipp:
        """Wait until a callee listens."""
        until(
            lambda: is_listening(self.host, self.port, self.protocol) or self._process.poll() is not None,
            f"sipp {self.scenario} listens at {self.address}",
        )
        if self._process.poll() is not None:
            self.finish()
        return self

    def trace(self) -> Trace:
        """What it has sent and received up to now."""
        return Trace.read(self._folder / "messages.log")

    def finish(self) -> Trace:
        """Wait for the end of the scenario.

        Raises:
            ScenarioFailed: sipp met something that the scenario does not expect.
        """
        try:
            status = self._process.wait(PATIENCE + 2)
        except subprocess.TimeoutExpired:
            status = -1
        if status != 0:
            raise ScenarioFailed(
                f"sipp {self.scenario} at {self.address} ended with {status}\n{self.story()}"
            )
        return self.trace()

    def close(self) -> None:
        """End the process if it still runs, and remove what it wrote."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def story(self) -> str:
        """What it logged, for whoever has to find out why a test failed."""
        parts = []
        for name in ("errors.log", "messages.log"):
            path = self._folder / name
            if path.exists():
                text = path.read_text(errors="replace")
                parts.append(text if len(text) < 9_000 else f"{text[:3_000]}\n...\n{text[-6_000:]}")
        return "\n".join(parts)
