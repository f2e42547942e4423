"""Somebody who has heard what phones have said, and says their credentials again (RFC 7616 §5.12).

An answer to a challenge is good for one INVITE, at whichever node; for another request it is good at a node that has
not challenged for a moment only, in which nodes cannot know of each other what was used.
"""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from sipwright.sip import Request
from sipwright.stack import Exchange
from sipwright.transport import Target
from sipwright.transport.flow import Address

from .process import DOMAIN

if TYPE_CHECKING:
    from .line import Line
    from .load import Load

__all__ = ["Heard", "Replays"]

EVERY = 0.5
"""Seconds from one replay to the next."""

TAKEN_ELSEWHERE = 2.5
"""Seconds after which what one node has challenged is taken at no other one (`authenticator.py:ELSEWHERE`)."""

KEPT = 20
"""How many of those that were heard last are chosen from."""


class Heard(NamedTuple):
    """A request with credentials that was heard: by which node it was taken, and when."""

    method: str
    account: str
    uri: str
    credentials: tuple[str, str]
    home: Address
    at: float


class Replays:
    """Says them again, by a line of its own."""

    def __init__(self, load: Load, line: Line) -> None:
        self._load = load
        self._dice = Random(load.options.seed)  # so that those of the calls fall as without it
        self._line = line
        self._heard: list[Heard] = []

    def hear(self, method: str, account: str, uri: str, request: Request, home: Address) -> None:
        """Hear a request that was taken at a node, with its credentials."""
        value = request.headers.get("Authorization")
        if value is None:
            return
        self._heard.append(Heard(method, account, uri, ("Authorization", value), home, time.monotonic()))
        del self._heard[:-KEPT]

    async def replay_all(self) -> None:
        """Say one after the other at one node or another, until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            dice = self._dice
            if not self._heard:
                continue
            heard, address = dice.choice(self._heard), dice.choice(self._load.addresses)
            # An INVITE is on its way to its node for a moment; whoever comes first has used the nonce.
            age = time.monotonic() - heard.at
            if age < TAKEN_ELSEWHERE or (heard.method != "INVITE" and address == heard.home):
                continue
            await self._replay(heard, address)

    async def _replay(self, heard: Heard, address: Address) -> None:
        line, ledger = self._line, self._load.ledger
        aor, token = f"sip:{heard.account}@{DOMAIN}", line.stack.random_token()
        to = heard.uri if heard.method == "INVITE" else aor
        headers = [
            ("Max-Forwards", "70"), ("From", f"<{aor}>;tag={token}"), ("To", f"<{to}>"), ("Call-ID", f"replay-{token}"),
            ("CSeq", f"1 {heard.method}"), ("Contact", line.contact("replay")), ("Expires", "60"), heard.credentials,
        ]  # fmt: skip
        exchange = Exchange()
        line.stack.send_request(Request(heard.method, heard.uri, headers), Target("udp", *address), exchange)
        response = await exchange.final
        ledger.counts[f"credentials of others said again: {heard.method}"] += 1
        if response.local:
            ledger.counts["credentials of others said again to a node that was away"] += 1
        elif response.status != 401:
            ledger.fault("nonce", f"replay-{token}", f"{heard.method} of {heard.account}: {response.status}")
