"""A phone with busy lamps for accounts whose calls are at any node (RFC 4235): in the end they show what is so."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sipwright.sip import Request, Response
from sipwright.sip.dialog import Dialog
from sipwright.stack import Incoming

from ..end import MOST_CHALLENGES
from ..line import Line
from ..process import DOMAIN
from ..scripts import CALLERS
from ..talk import until

if TYPE_CHECKING:
    from ..load import Load

__all__ = ["Lamp", "Lamps"]

WATCHER = CALLERS[0]

HOLDS = 60
"""Seconds for which a subscription holds."""

REFRESHED_EVERY = 8.0
SHOWN_WITHIN = 15.0
"""Seconds in which a lamp shows what is so, though a node had to be asked once more."""

_IS_FULL = re.compile(rb'<dialog-info[^>]* state="full"')
_DIALOG = re.compile(rb'<dialog\s(?:[^>]*?\s)?id="([^"]*)".*?<state[^>]*>([a-z]+)</state>', re.DOTALL)


@dataclass(eq=False, slots=True)
class Lamp:
    """The lamp of one account: its subscription, and the dialogs that it shows, with their states."""

    account: str
    call_id: str = ""
    tag: str = ""
    dialog: Dialog | None = None
    shown: dict[bytes, str] = field(default_factory=dict)

    def hear(self, body: bytes) -> None:
        """Take what a NOTIFY says (RFC 4235 §4.1)."""
        if _IS_FULL.search(body):
            self.shown.clear()
        for key, state in _DIALOG.findall(body):
            self.shown[key] = state.decode()
            if self.shown[key] == "terminated":
                del self.shown[key]


class Lamps(Line):
    """The socket of that phone."""

    def __init__(self, load: Load, port: int, accounts: tuple[str, ...]) -> None:
        super().__init__(load, port, ())
        self.lamps = {account: Lamp(account) for account in accounts}

    async def open(self) -> None:
        await super().open()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Subscribe to all of them, and again and again, until it is cancelled."""
        while True:
            await asyncio.gather(*(self._subscribe(lamp) for lamp in self.lamps.values()))
            await asyncio.sleep(REFRESHED_EVERY)

    async def _subscribe(self, lamp: Lamp) -> None:
        if lamp.dialog is None:
            lamp.call_id, lamp.tag = f"lamp-{self.stack.random_token()}", self.stack.random_token()
        response = await self._ask(request := self._request(lamp, ()))
        for _ in range(MOST_CHALLENGES):
            if response.status != 401:
                break
            challenges = response.headers.get_all("WWW-Authenticate")
            credentials = self.answer(WATCHER, challenges, "SUBSCRIBE", request.uri_text)
            response = await self._ask(request := self._request(lamp, (credentials,)))
        self._judge(lamp, request, response)

    def _judge(self, lamp: Lamp, request: Request, response: Response) -> None:
        self.ledger.counts["subscriptions of lamps"] += 1
        if response.is_success:
            lamp.dialog = lamp.dialog or Dialog.as_uac(request, response)
            return
        # A phone subscribes anew (RFC 6665 §4.1.2.2); what it showed before says nothing any more.
        lamp.dialog = None
        lamp.shown.clear()
        what = f"{response.status} {response.reason}{' (local)' * response.local}"
        if response.status == 481:
            self.ledger.fault("lamp", lamp.account, f"its subscription was forgotten: {what}")
        elif not response.local:
            self.ledger.fault("lamp", lamp.account, f"its subscription was refused: {what}")

    def _request(self, lamp: Lamp, more: tuple[tuple[str, str], ...]) -> Request:
        said = [
            ("Event", "dialog"),
            ("Accept", "application/dialog-info+xml"),
            ("Expires", str(HOLDS)),
            *more,
        ]
        if lamp.dialog is not None:
            return lamp.dialog.make_request("SUBSCRIBE", contact=self.contact(WATCHER), headers=said)
        uri, self._cseq = f"sip:{lamp.account}@{DOMAIN}", self._cseq + 1
        headers = [
            ("Max-Forwards", "70"), ("From", f"<sip:{WATCHER}@{DOMAIN}>;tag={lamp.tag}"), ("To", f"<{uri}>"),
            ("Call-ID", lamp.call_id), ("CSeq", f"{self._cseq} SUBSCRIBE"), ("Contact", self.contact(WATCHER)), *said,
        ]  # fmt: skip
        return Request("SUBSCRIBE", uri, headers)

    def take(self, incoming: Incoming) -> bool:
        request = incoming.request
        lamp = next((one for one in self.lamps.values() if one.tag == request.to_tag), None)
        if request.method != "NOTIFY" or lamp is None:
            return super().take(incoming)
        self.ledger.counts["changes of lamps"] += 1
        lamp.hear(request.body)
        incoming.respond(200)
        return True

    async def check(self, wanted: dict[str, int]) -> None:
        """Wait until each lamp shows as many dialogs as are wanted, none if none are said; note which does not."""
        for lamp in self.lamps.values():
            number = wanted.get(lamp.account, 0)
            if not await until(lambda lamp=lamp, number=number: len(lamp.shown) == number, SHOWN_WITHIN):  # type: ignore[misc]
                shown = sorted(lamp.shown.values())
                self.ledger.fault("lamp", lamp.account, f"shows {shown}, and {number} dialogs are so")
