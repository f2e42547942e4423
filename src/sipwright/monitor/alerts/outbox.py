"""Messages on their way to people: tried until each address has taken its own, and remembered over a restart.

`apprise` knows how to reach them (mail, SMS gateways, chat, webhooks). It is loaded in a process of its own, which ends
with the message: the one that handles calls neither pays for it nor waits. An address that hangs holds up no other, and
what the others have taken they are not sent again.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from sipwright.monitor.alerts.book import Message

__all__ = ["Deliver", "Outbox", "deliver", "keep_state", "look_at", "read_state", "shown"]

log = structlog.get_logger(__name__)

PATIENCE = 20.0
"""Seconds within which a message has to be delivered."""

MOST = 50
"""Messages that wait; the oldest go first."""

KEPT_FOR = 86_400.0
"""Seconds after which nobody wants to read it any more."""

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 300.0

Deliver = Callable[[str, str, bool, Sequence[str]], Awaitable[list[str]]]
"""Sends a title and a text, whether it is good news, to addresses; returns those that have not taken it."""


@dataclass(slots=True)
class Letter:
    """A message with the addresses that have yet to take it."""

    title: str
    body: str
    is_over: bool
    at: float
    left: list[str]
    tries: int = 0
    next_at: float = 0.0


class Outbox:
    """The messages that are not delivered everywhere yet."""

    def __init__(self, addresses: Sequence[str], deliver: Deliver) -> None:
        self._addresses = list(addresses)
        self._deliver = deliver
        self._letters: list[Letter] = []
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, message: Message) -> None:
        """Take a message; `flush` sends it."""
        log.warning("alert", title=message.title) if not message.is_over else log.info(
            "alert over", title=message.title
        )
        if self._addresses:
            for (
                waiting
            ) in self._letters:  # what goes before it is tried again at once, as they belong in order
                waiting.next_at = 0.0
            letter = Letter(message.title, message.body, message.is_over, message.at, list(self._addresses))
            self._letters = [*self._letters[1 - MOST :], letter]

    async def flush(self, now: float) -> None:
        """Send what is due, in order; what an address does not take is tried again later."""
        async with self._lock:
            for letter, addresses in self._due(now):
                letter.tries += 1
                failed = await self._deliver(letter.title, letter.body, letter.is_over, addresses)
                letter.left = [one for one in letter.left if one in failed or one not in addresses]
                letter.next_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(letter.tries - 1, 10))
                if letter.left:
                    log.warning("alert not delivered yet", title=letter.title, addresses=len(letter.left))
            for letter in self._letters:
                if letter.left and now - letter.at >= KEPT_FOR:
                    log.error("alert given up", title=letter.title, to=[shown(one) for one in letter.left])
            self._letters = [one for one in self._letters if one.left and now - one.at < KEPT_FOR]

    def _due(self, now: float) -> list[tuple[Letter, list[str]]]:
        """Return what is to be sent now, and where to: what is new, and then one of those that were not taken before.

        An address that has yet to take an earlier message gets no later one; all others need not wait for it.
        """
        new: list[tuple[Letter, list[str]]] = []
        again: list[tuple[Letter, list[str]]] = []
        behind = set[str]()
        for letter in self._letters:
            addresses = [one for one in letter.left if one not in behind]
            behind.update(letter.left)
            is_early = 0.0 < letter.next_at - now <= LONGEST_PAUSE  # more: the clock was set back
            if addresses and not is_early:
                (again if letter.tries else new).append((letter, addresses))
        return [*new, *again[:1]]

    def to_state(self) -> list[dict[str, Any]]:
        """Return what another process needs to go on: addresses, which may have passwords in them, by their place."""
        return [
            asdict(one) | {"left": [self._addresses.index(address) for address in one.left]}
            for one in self._letters
        ]

    def load(self, state: Sequence[dict[str, Any]]) -> None:
        """Go on with what another process had to deliver, at addresses that there still are."""
        known = self._addresses
        self._letters = [
            Letter(**one | {"left": [known[number] for number in one["left"] if number < len(known)]})
            for one in state
        ]


async def deliver(title: str, body: str, is_over: bool, addresses: Sequence[str]) -> list[str]:
    """Send a message in a process of its own; return the addresses that have not taken it, and log why."""
    found = await _ask({"title": title, "body": body, "is_over": is_over, "addresses": list(addresses)})
    for number, address in enumerate(addresses):
        why = found.get(number, f"no answer within {PATIENCE:g} s")
        if why is not None:
            log.warning("not delivered", to=shown(address), why=why)
    return [address for number, address in enumerate(addresses) if found.get(number, "") is not None]


async def look_at(addresses: Sequence[str]) -> None:
    """Log which of some addresses are none: whoever has written it should hear of that before the first alert."""
    if not addresses:
        return
    found = await _ask(
        {"title": "", "body": "", "is_over": False, "is_tried": True, "addresses": list(addresses)}
    )
    for number, address in enumerate(addresses):
        if found.get(number) is not None:
            log.error("nobody is told of alerts here", address=shown(address), why=found[number])


async def _ask(said: dict[str, Any]) -> dict[int, str | None]:
    """Return why addresses have not taken a message, by their numbers, or None if they have; as far as is known."""
    found: dict[int, str | None] = {}
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sipwright.monitor.alerts.send",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:  # no memory, or no more processes: what is to be said waits
        log.error("alerts cannot be sent", error=error.strerror)
        return found
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            process.stdin.write(json.dumps(said).encode())
            process.stdin.close()
            async for line in process.stdout:
                number, why = json.loads(line)
                found[number] = why
    except (TimeoutError, ValueError, OSError):
        pass
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return found


def shown(address: str) -> str:
    """Return an address without what it may have of secrets: its kind and its host."""
    scheme, _, rest = address.partition("://")
    host = rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
    return f"{scheme}://{host}" if re.fullmatch(r"[^:]+(:\d+)?", host) else "an address"


def keep_state(path: Path, state: dict[str, Any]) -> None:
    """Write down what is known, whole or not at all. Raises OSError."""
    beside = path.with_name(f"{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(state), encoding="utf-8")
    os.replace(beside, path)


def read_state(path: Path) -> dict[str, Any]:
    """Read it again; what cannot be read was never known."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
