"""The end that calls: from its INVITE to the answer, or until it gives up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipwright.sip import Request, Response
from sipwright.sip.build import make_cancel
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientInvite, ClientTransaction

from .end import MOST_CHALLENGES, SDP, End
from .process import DOMAIN

if TYPE_CHECKING:
    from .line import Line
    from .plans import Plan

__all__ = ["Caller"]


class Caller(End):
    """The end that calls."""

    def __init__(self, line: Line, plan: Plan) -> None:
        super().__init__(
            line, plan, plan.account or f"caller{plan.id}", f"c{plan.id}-{line.stack.random_token()}"
        )
        self._transaction: ClientInvite | None = None
        self._giving_up: asyncio.Task[None] | None = None
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._cseq = 0

    def _peers(self) -> Sequence[End]:
        return [end for ends in self.plan.callees.values() for end in ends]

    async def call(self) -> Response:
        """Call, and return the final response."""
        self.invited_at = time.monotonic()
        await self._invite(())
        response = await self._final
        if self._giving_up is not None:
            self._giving_up.cancel()
            await asyncio.wait([self._giving_up])
            if not self._giving_up.cancelled():
                self._giving_up.result()
        for _ in range(MOST_CHALLENGES):
            if response.status != 401:
                break
            self._final = asyncio.get_running_loop().create_future()
            challenges = response.headers.get_all("WWW-Authenticate")
            credentials = self.line.answer(self.account, challenges, "INVITE", self._uri)
            home = self.line.home
            await self._invite((credentials,))
            response = await self._final
            if response.status != 401 and not response.local and self._transaction is not None:
                self.line.load.replays.hear(
                    "INVITE", self.account, self._uri, self._transaction.request, home
                )
        self.final = response.status
        self.ledger.refused(response.status, response.reason, time.monotonic())
        return response

    @property
    def device(self) -> str:
        """The Contact with what names the phone, if it has that."""
        return self.line.contact(self.account).replace("reg-id=1;", "")

    @property
    def _uri(self) -> str:
        return f"sip:{self.plan.dialled}@{DOMAIN}"

    async def _invite(self, extra: tuple[tuple[str, str], ...]) -> None:
        plan = self.plan
        self._cseq += 1
        host = "outside.example" if plan.account is None else DOMAIN
        headers = [
            ("Max-Forwards", "70"), ("From", f"<sip:{self.account}@{host}>;tag={self.tag}"), ("To", f"<{self._uri}>"),
            ("Call-ID", self.call_id), ("CSeq", f"{self._cseq} INVITE"), ("Contact", self.device),
            ("X-Chaos", str(plan.id)), *extra,
        ]  # fmt: skip
        if plan.through is not None:
            headers.append(("X-Through", str(plan.through)))
        if plan.has_proxy:
            headers.append(("Record-Route", self.proxy))
        body = b"" if plan.has_late_offer else self.describe(is_new=False)
        if body:
            headers.append(("Content-Type", SDP))
        request = Request("INVITE", self._uri, headers, body)
        if plan.happens_once == ("caller", "close") and (self.own_flow is None or self.own_flow.is_closed):
            self.own_flow = await self.line.own_connection()
        transaction = self.line.stack.send_request(request, await self.way(), self)
        assert isinstance(transaction, ClientInvite)
        self._transaction = transaction

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take a response to the INVITE; from the first one on the switch knows of the call."""
        if response.status not in (401, 407) and not response.local:
            self.known_at = self.known_at or time.monotonic()
        if response.is_provisional:
            if response.status > 100 and not self.rang_at:
                self.rang_at = time.monotonic()
                if self.plan.give_up_after is not None:
                    self._giving_up = asyncio.create_task(self._give_up(self.plan.give_up_after))
            if response.body and not self.answered_at:
                self.hear(response.body)
        elif response.is_success:
            if self._final.done():
                self.acknowledge_again()
                return
            self.answered_at = time.monotonic()
            self.dialog = Dialog.as_uac(tx.request, response)
            self.dialog.route_set = []  # the proxy on the way is played by this phone
            self.hear(response.body)
            self.acknowledge(response, self.describe() if self.plan.has_late_offer else b"")
            self._final.set_result(response)
        elif not self._final.done():
            self._final.set_result(response)

    async def _give_up(self, after: float) -> None:
        """Cancel the call (RFC 3261 §9.1), over TCP for each connection anew until there is an answer."""
        await asyncio.sleep(after)
        transaction, stack = self._transaction, self.line.stack
        assert transaction is not None
        self.cancelled_at = time.monotonic()
        if not self.line.is_tcp:
            transaction.cancel(stack.clock())
            return
        transaction.flow = await self.line.connection()
        transaction.cancel(stack.clock())
        while True:
            await asyncio.sleep(0.2)
            if transaction.flow.is_closed:
                transaction.flow = await self.line.connection()
                transaction.flow.send(bytes(make_cancel(transaction.request)))
