"""Texts on their way while the switch dies: each comes to its phone as one text, and its sender hears that it has.

A phone takes its time to answer, so that the switch may die in between. The sender repeats what is not answered (RFC
3261 §17.1.2.2), and the phone knows it again by its Call-ID, From tag and CSeq (§8.2.2.2), as people are shown it once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from sipwright.sip import Request, Response
from sipwright.sip.transaction import ServerTransaction
from sipwright.stack import Exchange, Incoming

from .end import MOST_CHALLENGES
from .process import DOMAIN
from .scripts import CALLERS, TCP_PHONES

if TYPE_CHECKING:
    from .line import Line
    from .load import Load

__all__ = ["TAKERS", "Text", "Texts"]

EVERY = 0.2
"""Seconds from one text to the next."""

TAKES = 0.8
"""Seconds within which a phone answers."""

TAKERS = ("pa", "pb", "pc", *TCP_PHONES)

Identity = tuple[str, str | None, int]
"""Call-ID, From tag and CSeq number."""


@dataclass(eq=False, slots=True)
class Text:
    """One text: who sends it to whom, and what came of it."""

    number: int
    sender: str | None
    taker: str
    began: float
    heard: list[Identity] = field(default_factory=list)
    status: int | None = None

    def __str__(self) -> str:
        return f"text {self.number} of {self.sender or 'a stranger'} to {self.taker}"


class Texts:
    """Sends them, and takes them at the phones."""

    def __init__(self, load: Load, lines: list[Line]) -> None:
        self._load = load
        self._dice = Random(load.options.seed)  # so that those of the calls fall as without it
        self._lines = lines
        self._texts: list[Text] = []
        self._challenges: dict[tuple[Line, str], tuple[list[str], int]] = {}

    async def send_all(self) -> None:
        """Send one after the other, until it is cancelled; each goes on by itself."""
        while True:
            await asyncio.sleep(EVERY)
            dice = self._dice
            text = Text(
                len(self._texts), dice.choice((None, *CALLERS)), dice.choice(TAKERS), time.monotonic()
            )
            self._texts.append(text)
            self._load.follow_task(self._send(text, dice.choice(self._lines)), str(text))

    async def _send(self, text: Text, line: Line) -> None:
        """Send a text, and once more with credentials as often as it is challenged (RFC 3261 §22.2)."""
        number, call_id, tag = (
            text.number,
            f"text{text.number}-{line.stack.random_token()}",
            line.stack.random_token(),
        )
        ledger = self._load.ledger
        ledger.counts["texts"] += 1
        for cseq in range(1, MOST_CHALLENGES + 2):
            request = self._request(text, line, call_id, tag, cseq)
            exchange = Exchange()
            line.stack.send_request(request, await line.way(), exchange)
            response = await exchange.final
            if response.status != 401 or text.sender is None:
                break
            self._challenges[line, text.sender] = (response.headers.get_all("WWW-Authenticate"), 0)
        text.status = response.status
        self._judge(text, response)
        if number and response.is_success:
            ledger.counts["texts that were taken"] += 1

    def _judge(self, text: Text, response: Response) -> None:
        ledger, local = self._load.ledger, " (local)" * response.local
        if not response.is_success:
            ledger.fault(
                "text", text, f"{response.status} {response.reason}{local}, shown {len(text.heard)} times"
            )
        elif not text.heard:
            ledger.fault("text", text, f"{response.status}, and no phone has seen it")

    def _request(self, text: Text, line: Line, call_id: str, tag: str, cseq: int) -> Request:
        uri, host = f"sip:{text.taker}@{DOMAIN}", "outside.example" if text.sender is None else DOMAIN
        sender = text.sender or "stranger"
        headers = [
            ("Max-Forwards", "70"), ("From", f"<sip:{sender}@{host}>;tag={tag}"), ("To", f"<{uri}>"),
            ("Call-ID", call_id), ("CSeq", f"{cseq} MESSAGE"), ("Content-Type", "text/plain"),
        ]  # fmt: skip
        if (known := self._challenges.get((line, sender))) is not None:
            challenges, count = known
            self._challenges[line, sender] = challenges, count + 1
            headers.append(line.answer(sender, challenges, "MESSAGE", uri, count + 1))
        return Request("MESSAGE", uri, headers, f"text {text.number}".encode())

    # The phones.

    def take(self, line: Line, incoming: Incoming) -> None:
        """Show a text to whoever has the phone, unless that was done; answer it in a moment."""
        request = incoming.request
        text = self._texts[int(request.body.split()[1])]
        identity = (request.call_id, request.from_tag, request.cseq.number)
        ledger = self._load.ledger
        if identity in text.heard:
            ledger.counts["texts that came another way again, and were known"] += 1
            incoming.respond(482)
            return
        if text.heard:
            ledger.fault("text", text, f"was shown again: {identity} after {text.heard}")
        text.heard.append(identity)
        incoming.open(_Taking())
        delay = self._dice.uniform(0.0, TAKES)
        asyncio.get_running_loop().call_later(delay, lambda: incoming.respond(200))


class _Taking:
    """The user of the transaction of a text that is yet to be answered."""

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Nobody cancels a text."""

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Nobody acknowledges it."""

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Nothing is repeated."""
