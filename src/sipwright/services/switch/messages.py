"""MESSAGE outside a dialog: a text for an account goes to all of its phones (RFC 3428)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat

from sipwright.services.dialstring import DialLeg
from sipwright.services.leg_options import PLAIN
from sipwright.services.ports import AccountView
from sipwright.services.refusals import unknown_user
from sipwright.sip import NameAddr, Reject, Request, Response, make_response
from sipwright.sip.build import make_request
from sipwright.sip.grammar import shown
from sipwright.sip.transaction import ServerTransaction
from sipwright.stack import Incoming
from sipwright.transport import Flow
from sipwright.transport.networks import network_of

from .call.call import Call
from .call.ports import CallPorts
from .dialling.destinations import Destinations
from .dialling.hunt_machine import MAX_REDIRECTS
from .dialling.invite import from_header
from .dialling.redirects import NO_OTHER_PLACE, Redirects, contacts_of
from .dialling.router import Router
from .model.destination import Destination
from .model.header_table import PASSAGES, Party, Passage
from .model.identity import Identity
from .model.outcome import Outcome, best, for_caller
from .model.relayed import explaining_headers, relayed_lines, without_verification
from .text_identity import TextIdentities, TextIdentity
from .texts import Sending, Text, Texter

__all__ = ["Messages"]

MOST_UNDER_WAY = 50
"""Texts on their way to one account; anybody may send it some."""

MOST_OF_A_STRANGER = 5
"""Of those from one address that is no provider's, so that the others still reach it."""


MERGED = 482
"""What a phone says of a text that it has been given already by another way (RFC 3261 §8.2.2.2), as by a node that has
died since: none but that text has its identity."""


class Messages:
    """Takes and sends texts outside the dialogs of calls."""

    __slots__ = (
        "_destinations",
        "_identities",
        "_ports",
        "_redirects",
        "_router",
        "_under_way",
        "_unreachable",
    )

    def __init__(
        self, ports: CallPorts[Call], router: Router, destinations: Destinations,
        unreachable: Callable[[Identity, Destination], None], identities: TextIdentities,
    ) -> None:  # fmt: skip
        """Get ready; `unreachable` is told of each text that no way leads to where it is sent."""
        self._identities = identities
        self._ports = ports
        self._router = router
        self._destinations = destinations
        self._redirects = Redirects(router.accounts, destinations)
        self._unreachable = unreachable
        self._under_way: Counter[Hashable] = Counter()
        """By account, and for strangers by where they come from as well."""

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
        is_stranger = decision.direction == "in" and decision.provider is None
        over = self._begin(account.id, network_of(incoming.source[0]) if is_stranger else None)
        cseq = router.authenticator.first_cseq(request)
        identify = partial(self._identities.of, request, cseq)
        Delivery(self._ports, incoming, passage, over, partial(self._elsewhere, account), identify).send(
            phones
        )

    def _elsewhere(self, account: AccountView, phone: Destination, response: Response) -> list[Destination]:
        """Return the phones of accounts here that a phone sends its texts on to (RFC 3261 §8.1.3.4)."""
        is_redirect = 300 <= response.status < 400 and response.status not in NO_OTHER_PLACE
        policy = self._ports.settings.policy
        if not is_redirect or phone.redirects >= MAX_REDIRECTS:
            return []
        if not policy.allows("redirect", "phones", account.domain):
            return []
        by = Texter(Identity("in", account.id, account.user_id, account.domain))
        found = [each for uri, _ in contacts_of(response) for each in self._redirects.lead_to(by, phone, uri)]
        return [each for each in found if each.account_id is not None]

    def _begin(self, account_id: int, stranger: str | None) -> Callable[[], None]:
        """Count a text that is on its way, from a stranger at a place perhaps; returns what it calls when it is over.

        Raises:
            Reject: As many as may are on their way.
        """
        counted: dict[Hashable, int] = {account_id: MOST_UNDER_WAY}
        if stranger is not None:
            counted[account_id, stranger] = MOST_OF_A_STRANGER
        if any(self._under_way[key] >= most for key, most in counted.items()):
            raise Reject(480, "Too Many Messages", (("Retry-After", "5"),))
        self._under_way.update(counted.keys())
        return partial(self._is_over, tuple(counted))

    def _is_over(self, counted: Iterable[Hashable]) -> None:
        for key in counted:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]

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
        guard = self._ports.guard
        destinations = [
            found
            for leg in legs
            for found in self._destinations.of_leg(texter, leg)
            if found.flow is not None or guard.may_text(identity.user_id, found)
        ]
        if destinations:
            lost = partial(self._unreachable, identity)
            Text(self._ports, sender, text.encode(), len(destinations), then, lost).send(destinations)
        else:
            then(False)


class Delivery:
    """One MESSAGE on its way to several phones; the first 2xx is the answer; `over` hears of the last.

    `elsewhere` says where one sends it on to, which is followed to no place twice, and `identify` what each phone is to
    know it by.
    """

    __slots__ = (
        "_elsewhere",
        "_identify",
        "_is_answered",
        "_outcomes",
        "_over",
        "_passage",
        "_places",
        "_ports",
        "_request",
        "_transaction",
        "_waiting",
    )

    def __init__(
        self,
        ports: CallPorts[Call],
        incoming: Incoming,
        passage: Passage,
        over: Callable[[], None],
        elsewhere: Callable[[Destination, Response], list[Destination]],
        identify: Callable[[Destination], TextIdentity],
    ) -> None:
        self._ports = ports
        self._identify = identify
        self._request: Request = incoming.request
        self._transaction: ServerTransaction = incoming.open(self)
        self._waiting = 0
        self._passage = passage
        self._over = over
        self._elsewhere = elsewhere
        self._places: set[Hashable] = set()
        self._is_answered = False
        self._outcomes: list[Outcome] = []

    def send(self, phones: list[Destination]) -> None:
        """Send it to every phone at once."""
        self._waiting += len(phones)
        self._places.update(phone.place for phone in phones)
        for phone in phones:
            identity = self._identify(phone)
            # What goes over another way after the first one has failed is another transaction.
            branches = chain((identity.branch,), repeat(None))
            make = partial(self._make, phone, identity, branches)
            Sending(self._ports, phone, make, partial(self._answered, phone)).send()

    def _make(
        self, phone: Destination, identity: TextIdentity, branches: Iterator[str | None], flow: Flow
    ) -> Request:
        given, stack, branch = self._request, self._ports.stack, next(branches)
        sender = NameAddr.parse(without_verification(str(given.from_)))
        return make_request(
            "MESSAGE", phone.uri, from_=from_header(sender, PLAIN), to=f"<{phone.to}>",
            call_id=identity.call_id, cseq=1, from_tag=identity.from_tag,
            via=stack.new_via(flow) if branch is None else stack.via_for(flow, branch), routes=phone.route,
            max_forwards=(given.max_forwards or 71) - 1, lines=relayed_lines(given, self._passage),
            body=given.body, content_type=given.headers.get("content-type"),
        )  # fmt: skip

    def _answered(self, phone: Destination, asked: Request | None, response: Response | None) -> bool:
        """Take the response of one phone."""
        if response is None:
            self._count(Outcome(480, "Unreachable"))
            return False
        found = {each.place: each for each in self._elsewhere(phone, response)}
        others = [each for place, each in found.items() if place not in self._places]
        if others:
            self._waiting -= 1
            self.send(others)
        elif response.status == MERGED:
            self._count(Outcome(202, "Accepted"))
        else:
            told = explaining_headers(response, PASSAGES[Party.OUTSIDER, Party.PHONE])
            self._count(Outcome(response.status, response.reason, told))
        return False

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
