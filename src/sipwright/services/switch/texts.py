"""Texts on their way: each by one server, or one flow of a phone, after the other until somebody says something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sipwright.sip import NameAddr, Request, Response
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import LARGEST_OVER_UDP
from sipwright.transport import Flow, Target

from .call.ports import CallPorts
from .dialling.destinations import MOST_LOOPS
from .dialling.invite import from_header
from .dialling.launch import LONGEST_SEARCH
from .model.destination import Destination
from .model.identity import Identity
from .model.outcome import is_way_gone

__all__ = ["Sending", "Text", "Texter"]


@dataclass(frozen=True, slots=True)
class Texter:
    """On whose behalf a script sends a text: what the finder of destinations needs to know of a call."""

    identity: Identity
    dialled_user: str = ""
    loops: int = MOST_LOOPS


class Sending:
    """A MESSAGE on its way to one destination; `answered` is told once what came of it.

    `make` writes it for a flow. `answered` gets the response, or None when no way leads there, with the request that it
    answers, and returns whether that is to be sent once more.
    """

    __slots__ = (
        "_answered",
        "_current",
        "_destination",
        "_is_over",
        "_make",
        "_ports",
        "_search_until",
        "_target",
    )

    def __init__(
        self, ports: CallPorts[Any], destination: Destination, make: Callable[[Flow], Request],
        answered: Callable[[Request | None, Response | None], bool],
    ) -> None:  # fmt: skip
        self._ports = ports
        self._destination = destination
        self._make = make
        self._answered = answered
        self._search_until = ports.clock() + LONGEST_SEARCH
        self._current: _Try | None = None
        self._target: Target | None = None
        self._is_over = False

    def send(self) -> None:
        """Send it, as soon as the way is known."""
        self._ports.routes.reach(self._destination, self._reached)

    def _reached(self, target: Target | None, flow: Flow | None) -> None:
        if flow is not None:
            self._target = target
            self._send_over(flow)
        elif not self._is_over:
            self._is_over = True
            self._answered(None, None)

    def _send_over(self, flow: Flow) -> None:
        stack, request = self._ports.stack, self._make(flow)
        self._current = current = _Try(self, flow)
        way = flow
        if flow.protocol == "udp" and len(bytes(request)) > LARGEST_OVER_UDP:
            way = self._ports.routes.larger(self._destination, self._target, flow) or flow
            request.headers.set_first("Via", stack.via_for(way, request.branch or ""))
        stack.start_client(request, way, current)
        if self._destination.answer_within:
            stack.call_later(self._destination.answer_within, current.time_is_up)

    def responded(self, one: _Try, request: Request, response: Response) -> None:
        """Take a final response; that of a server which was given up counts if it has taken the text."""
        destination = self._destination
        if self._is_over or (one is not self._current and not response.is_success):
            return
        if is_way_gone(response, is_phone=destination.flow is not None) and (
            self.moves_on(one) or self._ports.routes.awaits(destination, response, self._reached)
        ):
            return
        if destination.is_server:
            self._ports.servers.responded(destination.provider, destination.next_hop, "MESSAGE", response)
        if self._answered(request, response):
            self._send_over(one.flow)
        else:
            self._is_over = True

    def moves_on(self, one: _Try) -> bool:
        """Try the next server, or the next flow, as that of a try has failed; False when there is none."""
        is_late = self._ports.clock() >= self._search_until
        if one is not self._current or self._is_over or is_late:
            return False
        if not self._ports.routes.moves_on(self._destination, one.flow):
            return False
        self._current = None
        self.send()
        return True


class _Try:
    """The user of one client transaction of a text."""

    __slots__ = ("_is_heard", "_sending", "flow")

    def __init__(self, sending: Sending, flow: Flow) -> None:
        self._sending = sending
        self.flow = flow
        self._is_heard = False

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Pass a final response on."""
        self._is_heard = True
        if response.is_final:
            self._sending.responded(self, transaction.request, response)

    def on_undelivered(self) -> None:
        """Go on at once: nobody listens there (RFC 3261 §18.4)."""
        self._sending.moves_on(self)

    def time_is_up(self) -> None:
        """Go on with the next server if this one has said nothing at all."""
        if not self._is_heard:
            self._sending.moves_on(self)


class Text:
    """One text of a script on its way to several phones; one 2xx is enough."""

    __slots__ = ("_body", "_lost", "_ports", "_sender", "_then", "_waiting")

    def __init__(
        self, ports: CallPorts[Any], sender: str, body: bytes, count: int, then: Callable[[bool], None],
        lost: Callable[[Destination], None],
    ) -> None:  # fmt: skip
        self._ports = ports
        self._sender = sender
        self._body = body
        self._waiting = count
        self._then: Callable[[bool], None] | None = then
        self._lost = lost

    def send(self, destinations: list[Destination]) -> None:
        """Send it to all of them at once."""
        sender = NameAddr(self._sender)
        for destination in destinations:
            copy = Copy(self._ports, destination, sender, self._body, partial(self._count, destination))
            Sending(self._ports, destination, copy.make, copy.answered).send()

    def _count(self, destination: Destination, was_taken: bool | None) -> None:
        if was_taken is None:
            self._lost(destination)
        self._waiting -= 1
        if self._then is not None and (was_taken or self._waiting == 0):
            then, self._then = self._then, None
            then(bool(was_taken))


class Copy:
    """A text of a script for one destination; a provider may ask who we are first (RFC 3261 §22.2)."""

    __slots__ = ("_auth", "_body", "_call_id", "_destination", "_from", "_ports", "_rounds", "_tag", "_then")

    def __init__(
        self, ports: CallPorts[Any], destination: Destination, sender: NameAddr, body: bytes,
        then: Callable[[bool | None], None],
    ) -> None:  # fmt: skip
        """`then` is told whether it was taken, or None when no way leads there."""
        self._ports = ports
        self._destination = destination
        self._from, self._tag = from_header(sender, destination.options), ports.token()
        self._call_id = ports.token()
        self._auth = ClientAuth()
        self._rounds = 0
        self._body = body
        self._then = then

    def make(self, flow: Flow) -> Request:
        """Write it for a flow."""
        destination, ports, provider = self._destination, self._ports, self._destination.provider
        if provider is not None and not self._rounds:
            self._auth = ports.credentials.in_advance(provider) or self._auth
        request = make_request(
            "MESSAGE", destination.uri, from_=self._from, to=f"<{destination.to}>", call_id=self._call_id,
            cseq=1 + self._rounds, from_tag=self._tag, via=ports.stack.new_via(flow), routes=destination.route,
            headers=destination.options.headers, body=self._body, content_type="text/plain;charset=UTF-8",
        )  # fmt: skip
        if provider is not None:
            ports.credentials.sign(provider, self._auth, request)
        return request

    def answered(self, asked: Request | None, response: Response | None) -> bool:
        """Take the response; returns whether it was a challenge that can be met."""
        credentials, provider = self._ports.credentials, self._destination.provider
        if asked is None or response is None:
            self._then(None)
            return False
        if provider is not None:
            if credentials.challenged(provider, self._auth, asked, response, self._rounds):
                self._rounds += 1
                return True
            credentials.answered(provider, self._auth, response)
        self._then(response.is_success)
        return False
