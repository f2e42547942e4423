"""Legs that no way leads to: what their records say is wrong, and a line in the log once in a while."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import structlog

from sipwright.sip import ParseError, Uri
from sipwright.sip.uri import has_sip_scheme
from sipwright.stack import Stack
from sipwright.stack.throttle import Throttle

from ..call.call import Call
from ..call.callee import Callee
from ..model.destination import Destination
from ..model.identity import Identity
from ..model.outcome import PHONE_GONE, Outcome
from ..model.stopped import WhyStopped, nothing_stopped

__all__ = ["Unreachable", "no_provider_or_host"]

log = structlog.get_logger(__name__)

EVERY = 60.0
LONGEST_HOST = 64


def no_provider_or_host(name: str) -> Outcome:
    """Return how a leg to `user@name` ends when that is neither a provider of the owner nor a host."""
    return Outcome(503, f'No Provider Or Host "{_shown(name)}"')


class Unreachable:
    """Finds out why no way leads to a leg."""

    __slots__ = ("_clock", "_stack", "_throttle", "_why_stopped")

    def __init__(
        self, stack: Stack, clock: Callable[[], float], why_stopped: WhyStopped = nothing_stopped
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._why_stopped = why_stopped
        self._throttle = Throttle(every=EVERY)

    def outcome(self, call: Call, leg: Callee) -> Outcome:
        """Return the outcome of a leg that no way leads to, and let the log know."""
        return self._noted("leg unreachable", call.identity, leg.destination, call=call.id)

    def of_text(self, identity: Identity, destination: Destination) -> None:
        """Let the log know that no way leads to where a script has sent a text."""
        self._noted("text undeliverable", identity, destination)

    def _noted(self, event: str, identity: Identity, destination: Destination, **named: str) -> Outcome:
        outcome = self._why(destination)
        suppressed = self._throttle.admit((event, identity.user_id, outcome.reason), self._clock())
        if suppressed is not None:
            log.warning(
                event,
                **named,
                account=identity.account_id,
                target=quote(destination.target[:LONGEST_HOST], safe="@:;=+*!<>[]", errors="replace"),
                reason=outcome.reason,
                suppressed=suppressed,
            )
        return outcome

    def _why(self, destination: Destination) -> Outcome:
        stopped = self._why_stopped(destination.provider)
        if stopped is not None:
            return Outcome(503, f"Provider Is Stopped: {stopped}")
        if destination.flow is not None:
            return PHONE_GONE
        try:
            uri = Uri.parse(destination.next_hop)
        except ParseError:
            return Outcome(503, "Unreachable")
        if not self._stack.outbound.resolver.has_no_address(uri):
            refusal = None if destination.provider is not None else self._stack.outbound.refusal(uri)
            # Else its transport is switched off, or no network leads there.
            return Outcome(503, refusal or "Unreachable")
        if self._stack.outbound.resolver.is_unanswered(uri):
            return Outcome(503, f'The DNS Does Not Answer For "{_shown(uri.host)}"')
        is_whole_uri = destination.target.startswith("<") or has_sip_scheme(destination.target)
        if destination.provider is None and not destination.route and not is_whole_uri:
            return no_provider_or_host(uri.host)
        return Outcome(503, f'No Address For "{_shown(uri.host)}"')


def _shown(host: str) -> str:
    # It may be what a caller has sent; a reason phrase goes into records, logs and a transfer's NOTIFY.
    return quote(host[:LONGEST_HOST], safe="[]:*+", errors="replace")
