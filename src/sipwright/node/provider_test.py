"""Trying a provider now: it is asked what it knows of us, and the whole exchange is shown, without credentials.

A provider that we register with is sent a REGISTER that names no Contact: that shows whether it takes our credentials,
and changes nothing (RFC 3261 §10.2.3). Any other is asked OPTIONS.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from sipwright.control.protocol import ControlError
from sipwright.printable import printable_lines
from sipwright.services.agent.provider import Place
from sipwright.services.agent.timing import ASKED
from sipwright.services.ports import ProviderView
from sipwright.services.switch import Destination, Switch
from sipwright.sip import NameAddr, ParseError, Request, Response
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.transaction import ClientTransaction
from sipwright.transport import Flow

__all__ = ["ProviderTest", "without_credentials"]

PATIENCE = 10.0
"""Seconds after which a provider that says nothing counts as away."""

LONGEST_EXCHANGE = 20_000
"""Characters of an exchange that are shown."""

_HEADERS = {"OPTIONS": (("Accept", "application/sdp"),), "REGISTER": (("Expires", str(ASKED)),)}
"""The expiry binds nothing without a Contact; some registrars refuse a REGISTER that names none, as too brief."""

_CREDENTIALS = re.compile(
    r"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*[a-z]+)[ \t][^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
)


class ProviderTest:
    """One test; `run` gives what came of it."""

    def __init__(self, switch: Switch, provider: ProviderView, method: str | None = None) -> None:
        """Get ready; without a `method` it is asked as it is used."""
        self._ports = switch.ports
        self._provider = provider
        self._method = method or ("REGISTER" if provider.register else "OPTIONS")
        self._owner = provider.user_id, provider.name
        self._auth = ClientAuth()
        self._call_id, self._tag = self._ports.token(), self._ports.token()
        self._rounds = 0
        self._flow: Flow | None = None
        self._said: list[str] = []
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def run(self) -> dict[str, Any]:
        """Ask, and return the final response with the whole exchange as text.

        Raises:
            ControlError: Its settings name no address.
        """
        clock = self._ports.clock
        began, method = clock(), self._method
        try:
            place = Place.of(self._provider)
        except ParseError as error:
            raise ControlError(
                "invalid", f"the server of {self._provider.name} cannot be read: {error}"
            ) from None
        hop = place.proxy or place.registrar
        uri = str(place.registrar)
        destination = Destination(
            target=self._provider.name, uri=uri, to=uri, provider=self._owner,
            route=() if place.proxy is None else (f"<{hop}>",),
        )  # fmt: skip
        self._destination = destination
        self._reach(method, place)
        status, reason = 408, "No Answer"
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self._final
            status, reason = response.status, response.reason
        except TimeoutError:
            self._said.append(f"nothing was heard within {PATIENCE:g} s")
        except ConnectionError as error:
            status, reason = 503, str(error)
            self._said.append(reason)
        is_there = 200 <= status < 300 or (method == "OPTIONS" and status not in (408, 503))
        exchange = "\n".join(self._said)
        return {
            "provider": self._provider.name, "method": method, "ok": is_there, "status": status, "reason": reason,
            "seconds": round(clock() - began, 3), "exchange": exchange[:LONGEST_EXCHANGE],
        }  # fmt: skip

    def _reach(self, method: str, place: Place) -> None:
        self._ports.routes.reach(self._destination, lambda _, flow: self._reached(flow, method, place))

    def moves_on(self, method: str, place: Place) -> bool:
        """Ask the next server of the provider, as this one has failed; False when there is none (RFC 3263 §4.3)."""
        flow = self._flow
        if flow is None or self._final.done() or not self._ports.routes.moves_on(self._destination, flow):
            return False
        self._said.append(f"<- nothing of {flow.remote[0]}: the next server is asked")
        self._rounds += 1
        self._auth = ClientAuth()
        self._reach(method, place)
        return True

    def _reached(self, flow: Flow | None, method: str, place: Place) -> None:
        if self._final.done():
            return
        if flow is None:
            hop = place.next_hop
            why = self._ports.stack.outbound.why_no_way(hop)
            self._final.set_exception(ConnectionError(f"no way to {hop.host}: {why}"))
            return
        self._flow = flow
        self._send(method, place)

    def _send(self, method: str, place: Place) -> None:
        flow, ports = self._flow, self._ports
        assert flow is not None
        name = str(NameAddr(place.aor if method == "REGISTER" else place.registrar))
        request = make_request(
            method, str(place.registrar), from_=name, to=name, call_id=self._call_id, cseq=1 + self._rounds,
            from_tag=self._tag, via=ports.stack.new_via(flow), headers=_HEADERS[method],
            routes=() if place.proxy is None else (f"<{place.proxy}>",),
            contact=ports.stack.local_contact(flow) if method == "OPTIONS" else None,
        )  # fmt: skip
        ports.credentials.sign(self._owner, self._auth, request)
        self._note("->", request)
        ports.stack.start_client(request, flow, _Asking(self, method, place))

    def heard(self, transaction: ClientTransaction, response: Response, method: str, place: Place) -> None:
        """Take a response: a challenge is met, as at a registration."""
        trouble = None if self._flow is None else self._flow.trouble
        if response.local:
            self._said.append(f"<- nothing: {trouble or f'{response.status} {response.reason}'}")
        else:
            self._note("<-", response)
        if not response.is_final or self._final.done():
            return
        if (response.status == 503 or response.local) and self.moves_on(method, place):
            return
        if self._ports.credentials.challenged(
            self._owner, self._auth, transaction.request, response, self._rounds
        ):
            self._rounds += 1
            self._send(method, place)
        elif response.local and trouble is not None:
            self._final.set_exception(ConnectionError(trouble))
        else:
            self._final.set_result(response)

    def _note(self, direction: str, message: Request | Response) -> None:
        flow = self._flow
        where = "" if flow is None else f" {flow.protocol} {flow.remote[0]}:{flow.remote[1]}"
        text = bytes(message).decode("utf-8", "replace")
        self._said.append(f"{direction}{where}\n{printable_lines(without_credentials(text))}")


class _Asking:
    """The user of one request of a test."""

    __slots__ = ("_is_over", "_method", "_place", "_test")

    def __init__(self, test: ProviderTest, method: str, place: Place) -> None:
        self._test = test
        self._method = method
        self._place = place
        self._is_over = False

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Hand it to the test."""
        if not self._is_over:
            self._test.heard(transaction, response, self._method, self._place)

    def on_undelivered(self) -> None:
        """Go on with the next server, if there is one."""
        self._is_over = self._is_over or self._test.moves_on(self._method, self._place)


def without_credentials(message: str) -> str:
    """Return a message without what proves who has sent it."""
    return _CREDENTIALS.sub(r"\1 (removed)", message)
