"""MESSAGE outside a dialog: a text for an account goes to all of its phones (RFC 3428)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sipwright.services.dialstring import DialLeg
from sipwright.services.leg_options import PLAIN
from sipwright.services.refusals import unknown_user
from sipwright.sip import NameAddr, Reject, Request, Response, make_response
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.shown import shown
from sipwright.sip.transaction import ClientTransaction, ServerTransaction
from sipwright.stack import Incoming
from sipwright.transport import Flow, Target

from .call.call import Call
from .call.ports import CallPorts
from .dialling.destinations import MOST_LOOPS, Destinations
from .dialling.invite import from_header
from .dialling.router import Router
from .model.destination import Destination
from .model.header_table import PASSAGES, Party, Passage
from .model.identity import Identity
from .model.outcome import Outcome, best, for_caller
from .model.relayed_headers import explaining_headers, relayed_lines

__all__ = ["Messages"]

MOST_UNDER_WAY = 50
"""Texts on their way to one account; anybody may send it some."""


class Messages:
    """Takes and sends texts outside the dialogs of calls."""

    __slots__ = ("_destinations", "_ports", "_router", "_under_way", "_unreachable")

    def __init__(
        self, ports: CallPorts[Call], router: Router, destinations: Destinations,
        unreachable: Callable[[Identity, Destination], None],
    ) -> None:  # fmt: skip
        """Get ready; `unreachable` is told of each text that no way leads to where it is sent."""
        self._ports = ports
        self._router = router
        self._destinations = destinations
        self._unreachable = unreachable
        self._under_way: Counter[int] = Counter()

    def deliver(self, incoming: Incoming) -> None:
        """Deliver a MESSAGE to the phones of a local account; nobody else is sent one.

        Raises:
            Reject: 403, 404 or 480 when there is nobody to deliver it to, 483 and 484 as for a call.
        """
        request, router = incoming.request, self._router
        if request.max_forwards == 0:
            raise Reject(483)
        decision = router.decide(incoming, is_internal=False)
        if decision is None:
            return
        if not decision.may("message", self._ports.settings.policy):
            raise Reject(403, "No Messages", why="the policy lets none in from there ('sipwright policy')")
        account, sender = decision.account, Party.OUTSIDER if decision.provider is None else Party.TRUNK
        passage = PASSAGES[sender, Party.PHONE]
        if account is None:
            raise Reject(480, why="a dialplan takes the calls of this provider, and no phone gets its texts")
        if decision.direction == "out":
            domain = router.accounts.served_domain(decision.dialled.host, decision.dialled.port)
            found = router.find(decision.dialled.user or "", domain) if domain is not None else None
            if found is None:
                raise unknown_user(decision.dialled.user or "", domain or decision.dialled.host)
            account = found
            is_ours = account.user_id == decision.user_id
            passage = PASSAGES[Party.PHONE, Party.PHONE if is_ours else Party.OUTSIDER]
        phones = self._destinations.phones(account)
        if not phones:
            raise Reject(480, "Not Registered")
        if self._under_way[account.id] >= MOST_UNDER_WAY:
            raise Reject(480, "Too Many Messages", (("Retry-After", "5"),))
        self._under_way[account.id] += 1
        over = partial(self._is_over, account.id)
        Delivery(self._ports, incoming, len(phones), passage, over).send(phones)

    def _is_over(self, account_id: int) -> None:
        self._under_way[account_id] -= 1
        if not self._under_way[account_id]:
            del self._under_way[account_id]

    def send(
        self,
        identity: Identity,
        sender: str,
        legs: Iterable[DialLeg],
        text: str,
        then: Callable[[bool], None],
    ) -> None:
        """Send a text of a script to every phone that the legs of a dial string lead to.

        Args:
            identity: On whose behalf.
            sender: The URI in From.
            legs: What is dialled.
            text: The message.
            then: Is told once whether somebody took it.
        """
        texter = Texter(identity)
        destinations = [found for leg in legs for found in self._destinations.of_leg(texter, leg)]
        if destinations:
            lost = partial(self._unreachable, identity)
            Text(self._ports, sender, text.encode(), len(destinations), then, lost).send(destinations)
        else:
            then(False)


@dataclass(frozen=True, slots=True)
class Texter:
    """On whose behalf a script sends a text: what the finder of destinations needs to know of a call."""

    identity: Identity
    dialled_user: str = ""
    loops: int = MOST_LOOPS


class Text:
    """One text of a script on its way to several phones; one 2xx is enough."""

    __slots__ = ("_body", "_lost", "_ports", "_sender", "_then", "_waiting")

    def __init__(
        self, ports: CallPorts[Call], sender: str, body: bytes, count: int, then: Callable[[bool], None],
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
            copy = Copy(self._ports, destination, sender, self._body, self._count)
            self._ports.routes.reach(destination, partial(self._reached, copy, destination))

    def _reached(
        self, copy: Copy, destination: Destination, target: Target | None, flow: Flow | None
    ) -> None:
        if flow is None:
            self._lost(destination)
            self._count(was_taken=False)
        else:
            copy.send_over(flow)

    def _count(self, was_taken: bool) -> None:
        self._waiting -= 1
        if self._then is not None and (was_taken or self._waiting == 0):
            then, self._then = self._then, None
            then(was_taken)


class Copy:
    """A text on its way to one destination; a provider may ask who we are first (RFC 3261 §22.2)."""

    __slots__ = (
        "_auth",
        "_body",
        "_call_id",
        "_destination",
        "_flow",
        "_from",
        "_ports",
        "_rounds",
        "_tag",
        "_then",
    )

    def __init__(
        self,
        ports: CallPorts[Call],
        destination: Destination,
        sender: NameAddr,
        body: bytes,
        then: Callable[[bool], None],
    ) -> None:
        self._ports = ports
        self._destination = destination
        self._flow: Flow
        self._from, self._tag = from_header(sender, destination.options), ports.token()
        self._call_id = ports.token()
        self._auth = ClientAuth()
        self._rounds = 0
        self._body = body
        self._then = then

    def send_over(self, flow: Flow) -> None:
        """Send it, now that the way is known."""
        self._flow = flow
        provider = self._destination.provider
        if provider is not None:
            self._auth = self._ports.credentials.in_advance(provider) or self._auth
        self._send()

    def _send(self) -> None:
        destination, flow, provider = self._destination, self._flow, self._destination.provider
        request = make_request(
            "MESSAGE", destination.uri, from_=self._from, to=f"<{destination.to}>", call_id=self._call_id,
            cseq=1 + self._rounds, from_tag=self._tag, via=self._ports.new_via(flow), routes=destination.route,
            headers=destination.options.headers, body=self._body, content_type="text/plain;charset=UTF-8",
        )  # fmt: skip
        if provider is not None:
            self._ports.credentials.sign(provider, self._auth, request)
        self._ports.stack.start_client(request, flow, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the response, or meet a challenge."""
        if not response.is_final:
            return
        credentials, provider, asked = (
            self._ports.credentials,
            self._destination.provider,
            transaction.request,
        )
        self._ports.servers.responded(provider, self._destination.next_hop, "MESSAGE", response)
        if provider is None:
            self._then(response.is_success)
        elif credentials.challenged(provider, self._auth, asked, response, self._rounds):
            self._rounds += 1
            self._send()
        else:
            credentials.answered(provider, self._auth, response)
            self._then(response.is_success)


class Delivery:
    """One MESSAGE on its way to several phones; the first 2xx is the answer; `over` hears of the last."""

    __slots__ = (
        "_is_answered",
        "_outcomes",
        "_over",
        "_passage",
        "_ports",
        "_request",
        "_transaction",
        "_waiting",
    )

    def __init__(
        self,
        ports: CallPorts[Call],
        incoming: Incoming,
        count: int,
        passage: Passage,
        over: Callable[[], None],
    ) -> None:
        self._ports = ports
        self._request: Request = incoming.request
        self._transaction: ServerTransaction = incoming.open(self)
        self._waiting = count
        self._passage = passage
        self._over = over
        self._is_answered = False
        self._outcomes: list[Outcome] = []

    def send(self, phones: list[Destination]) -> None:
        """Send it to every phone at once."""
        for phone in phones:
            flow = self._ports.stack.flow_from_key(phone.flow) if phone.flow is not None else None
            if flow is None:
                self._count(Outcome(480, "Unreachable"))
                continue
            given, sender, token = self._request, self._request.from_, self._ports.token
            request = make_request(
                "MESSAGE", phone.uri, from_=from_header(sender, PLAIN), to=f"<{phone.to}>",
                call_id=token(), cseq=1, from_tag=token(), via=self._ports.new_via(flow), routes=phone.route,
                max_forwards=(given.max_forwards or 71) - 1, lines=relayed_lines(given, self._passage),
                body=given.body, content_type=given.headers.get("content-type"),
            )  # fmt: skip
            self._ports.stack.start_client(request, flow, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the response of one phone."""
        if response.is_final:
            told = explaining_headers(response, PASSAGES[Party.OUTSIDER, Party.PHONE])
            self._count(Outcome(response.status, response.reason, told))

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Answer it, which is all: a CANCEL has no effect on a MESSAGE (RFC 3261 §9.1)."""
        cancel.accept(self._ports.clock())

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Ignore it: a MESSAGE has no ACK."""

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Ignore it: there is no 2xx to repeat."""

    def _count(self, outcome: Outcome) -> None:
        self._waiting -= 1
        is_answer = outcome.status < 300
        self._outcomes.append(outcome)
        if not self._is_answered and (is_answer or self._waiting == 0):
            self._is_answered = True
            final = outcome if is_answer else for_caller(best(self._outcomes))
            tag = self._transaction.local_tag
            response = make_response(
                self._request, final.status, shown(final.reason), to_tag=tag, headers=final.headers
            )
            self._transaction.respond(response, self._ports.clock())
        if self._waiting == 0:
            self._over()
