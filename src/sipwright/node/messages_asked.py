"""Providers that are asked how many messages wait: a subscription to `message-summary` at each (RFC 3842, RFC 6665).

::

    registered there --> SUBSCRIBE --401, 407: once more, signed--> 2xx --> again when half of its time is over
                             ^                                       |
                             |  481: in a new dialog                 |  anything else: again in ten minutes,
                             +---------------------------------------+  or when the provider has changed here

What the provider tells is taken by `messages_waiting.py`, whoever has asked for it. A subscription is no row: the next
process asks anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from sipwright.services.agent.provider import Place
from sipwright.services.ports import ProviderView
from sipwright.services.switch import Destination, Switch
from sipwright.sip import NameAddr, ParseError, Request, Response
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.grammar import parse_seconds
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import TimerHandle
from sipwright.transport import Flow

__all__ = ["MessagesAsked"]

log = structlog.get_logger(__name__)

ASKED = 3_600
"""Seconds that a subscription is to last."""

SHORTEST = 60.0
AGAIN = 600.0
"""Seconds after which a provider that has refused, or said nothing, is asked once more."""

_NEVER = frozenset({403, 404, 405, 489, 501, 603})
"""What a provider answers that has no messages for us: it is asked when we are registered anew, or it has changed."""


Preloaded = Callable[[ProviderView], tuple[str, ...]]


class _Providers(Protocol):
    def provider_by_id(self, provider_id: int) -> ProviderView | None:
        """Return a provider."""


class MessagesAsked:
    """All subscriptions of this node at providers, by their numbers."""

    def __init__(self, providers: _Providers, switch: Switch, preloaded: Preloaded) -> None:
        """Get ready; `preloaded` gives the routes of a new request to a provider."""
        self._providers = providers
        self._switch = switch
        self._preloaded = preloaded
        self._asked: dict[int, _Subscription] = {}
        self._registered: set[int] = set()

    def __len__(self) -> int:
        return len(self._asked)

    def registered(self, provider_id: int, address: str | None) -> None:
        """Take note that we are registered with a provider, or are no more, without an address."""
        if address is None:
            self._registered.discard(provider_id)
        elif provider_id not in self._registered:
            self._registered.add(provider_id)
        else:
            return
        self._settle(provider_id)

    def providers_changed(self, first_id: int, last_id: int) -> None:
        """Follow a change of the providers in a range of numbers."""
        for provider_id in {*self._registered, *self._asked}:
            if first_id <= provider_id <= last_id:
                self._settle(provider_id)

    def close(self) -> None:
        """Ask no more; what was asked for runs out."""
        for subscription in self._asked.values():
            subscription.close()
        self._asked.clear()

    def over(self, provider: ProviderView) -> None:
        """Take note that a provider has ended a subscription: it is asked anew."""
        subscription = self._asked.get(provider.id)
        if subscription is not None:
            subscription.begin_anew()

    def _settle(self, provider_id: int) -> None:
        provider = self._providers.provider_by_id(provider_id)
        is_wanted = (
            provider is not None
            and provider.messages
            and provider.is_enabled
            and provider_id in self._registered
        )
        known = self._asked.pop(provider_id, None)
        if known is not None:
            if is_wanted and known.is_of(provider):
                self._asked[provider_id] = known
                return
            known.leave()
        if is_wanted:
            assert provider is not None
            try:
                subscription = _Subscription(self._switch, provider, self._preloaded)
            except ParseError as error:
                log.warning("provider not asked for messages", provider=provider.name, error=str(error))
                return
            self._asked[provider_id] = subscription
            subscription.ask()


class _Subscription:
    """The subscription at one provider, which outlives its dialogs."""

    def __init__(self, switch: Switch, provider: ProviderView, preloaded: Preloaded) -> None:
        """Make one.

        Raises:
            ParseError: The settings of the provider make no address.
        """
        self._ports = switch.ports
        self._provider = provider
        self._place = place = Place.of(provider)
        self._owner = provider.user_id, provider.name
        self._preloaded = preloaded
        self._destination = Destination(
            target=provider.name, uri=str(place.registrar), to=str(place.registrar), provider=self._owner,
        )  # fmt: skip
        self._lead()
        self._timer: TimerHandle | None = None
        self._is_closed = False
        self._expires = ASKED
        self._begin()

    def _begin(self) -> None:
        self._auth = ClientAuth()
        self._call_id, self._tag = self._ports.token(), self._ports.token()
        self._cseq = 0
        self._rounds = 0
        self._dialog: Dialog | None = None

    def _lead(self) -> None:
        """Take the way that a new request goes."""
        to, provider = self._destination, self._provider
        to.route = self._preloaded(provider)
        to.is_route_named = bool(to.route) and not provider.outbound_proxy

    def is_of(self, provider: ProviderView | None) -> bool:
        """Return whether a provider is asked as it is."""
        known = self._provider
        return provider is not None and (
            (provider.server, provider.username, provider.outbound_proxy, provider.contact_token)
            == (known.server, known.username, known.outbound_proxy, known.contact_token)
        )

    def ask(self) -> None:
        """Subscribe, or prolong the subscription."""
        self._rounds = 0
        if self._dialog is None:
            self._lead()
        self._ports.routes.reach(self._destination, lambda _, flow: self._reached(flow))

    def begin_anew(self) -> None:
        """Subscribe in a dialog of its own, as the one there was is over."""
        self._begin()
        self._again_in(1.0)

    def leave(self) -> None:
        """End the subscription at the provider (RFC 6665 §4.1.2.3)."""
        self.close()
        if self._dialog is not None:
            self._expires = 0
            self._ports.routes.reach(self._destination, lambda _, flow: self._reached(flow))

    def close(self) -> None:
        """Do no more by itself."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._is_closed else self._ports.stack.call_later(seconds, self.ask)

    def _reached(self, flow: Flow | None) -> None:
        if flow is None:
            self._again_in(AGAIN)
            return
        self._flow = flow
        self._send()

    def _send(self) -> None:
        ports, flow = self._ports, self._flow
        contact = ports.stack.local_contact(flow, self._provider.contact_token)
        headers = (
            ("Event", "message-summary"), ("Accept", "application/simple-message-summary"),
            ("Expires", str(self._expires)),
        )  # fmt: skip
        via = ports.stack.new_via(flow)
        if self._dialog is not None:
            request = self._dialog.make_request("SUBSCRIBE", via=via, contact=contact, headers=headers)
        else:
            self._cseq += 1
            name = str(NameAddr(self._place.aor))
            request = make_request(
                "SUBSCRIBE", str(self._place.aor), from_=name, to=name, call_id=self._call_id, cseq=self._cseq,
                from_tag=self._tag, via=via, contact=contact, headers=headers,
                routes=self._destination.route,
            )  # fmt: skip
        ports.credentials.sign(self._owner, self._auth, request)
        ports.stack.start_client(request, flow, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the answer to a SUBSCRIBE."""
        request = transaction.request
        if not response.is_final or not self._expires:
            return
        if response.is_success:
            self._accepted(request, response)
        elif self._ports.credentials.challenged(self._owner, self._auth, request, response, self._rounds):
            self._rounds += 1
            self._send()
        else:
            self._refused(response)

    def _accepted(self, request: Request, response: Response) -> None:
        if self._dialog is None:
            self._dialog = Dialog.as_uac(request, response)
        given = parse_seconds(response.headers.get("expires"))
        self._again_in(max(SHORTEST, (ASKED if given is None else min(given, ASKED)) / 2))

    def _refused(self, response: Response) -> None:
        if response.status == 481 and self._dialog is not None:
            self.begin_anew()
            return
        name = self._provider.name
        log.warning(
            "provider tells of no messages", provider=name, status=response.status, reason=response.reason
        )
        self._begin()
        if response.status not in _NEVER:
            self._again_in(AGAIN)
