"""Keep-alives for phones behind NATs: what holds the way to a phone open, from the socket that it has registered at.

A NAT forgets a UDP mapping when nothing goes through it for a while, some after 30 s. An empty datagram towards the
phone is enough for most; some NATs only count what comes from inside, and then OPTIONS help, which the phone answers.
Which of them the phones of an account are sent is said by the settings, or of the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Literal

from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.sip import NameAddr, ParseError
from sipwright.sip.build import make_request
from sipwright.stack import Stack
from sipwright.store import Store, StoreError
from sipwright.store.admin.accounts import keep_alives
from sipwright.transport import Flow, parse_flow_key

__all__ = ["KeepAlives", "Mode"]

Mode = Literal["off", "empty", "options"]

EVERY = 25.0
"""Seconds between two keep-alives to a phone: some NATs forget after 30."""

STEPS = 25
"""Parts of a round, a second each, so that not all are sent at once."""


class KeepAlives:
    """Sends them, as long as `run` does."""

    def __init__(
        self, store: Store, stack: Stack, locations: LocationTable, usual: Mode, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._stack = stack
        self._locations = locations
        self._usual = usual
        self._clock = clock
        self._modes: dict[int, str] = {}

    async def run(self) -> None:
        """Send to everybody once a round, until cancelled."""
        while True:
            await self.look()
            accounts = self.accounts()
            for step in range(STEPS):
                self.send(accounts[step::STEPS])
                await asyncio.sleep(EVERY / STEPS)

    async def look(self) -> None:
        """Read which accounts have a way of their own; what was known counts while the database is away."""
        try:
            self._modes = await self._store.database.read(keep_alives, of_nodes=False)
        except (StoreError, OSError):
            pass

    def accounts(self) -> list[int]:
        """Return the accounts whose phones are to be looked at."""
        if self._usual != "off":
            return self._locations.accounts_between(0, 1 << 62)
        return [number for number, mode in self._modes.items() if mode != "off" and number in self._locations]

    def send(self, accounts: Iterable[int]) -> None:
        """Keep the ways to the phones of some accounts open."""
        now = self._clock()
        for number in accounts:
            mode = self._modes.get(number, self._usual)
            if mode == "off":
                continue
            for binding in self._locations.bindings(number):
                if binding.source.startswith("udp/") and not binding.path and not binding.has_expired(now):
                    self._keep_open(binding, mode)

    def _keep_open(self, binding: Binding, mode: str) -> None:
        if not _is_behind_nat(binding):
            return
        flow = self._stack.flow_from_key(binding.source)
        if flow is None:
            return
        if mode == "options":
            self._ask(binding, flow)
        else:
            flow.keep_open()

    def _ask(self, binding: Binding, flow: Flow) -> None:
        stack = self._stack
        us = stack.local_contact(flow)
        options = make_request(
            "OPTIONS", binding.uri, from_=us, to=f"<{binding.uri}>", call_id=stack.random_token(), cseq=1,
            from_tag=stack.random_token(), via=stack.new_via(flow), contact=us,
        )  # fmt: skip
        try:
            flow.send(
                bytes(options)
            )  # no transaction: nothing depends on the answer, and the next one comes soon
        except OSError:
            pass


def _is_behind_nat(binding: Binding) -> bool:
    """Return whether a phone says another address than it has registered from."""
    try:
        host = NameAddr.parse(binding.contact).uri.host.strip("[]")
        seen = parse_flow_key(binding.source).remote
        return (
            ip_address(host) != ip_address(seen[0])
            or NameAddr.parse(binding.contact).uri.used_port != seen[1]
        )
    except ParseError:
        return False
    except ValueError:
        return True  # a name, as phones in browsers and behind most NATs write
