"""Where a message summary comes from: a script or a person who says so, or the provider that has taken the messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipwright.services.notifier import MessageSummary, Notifier, Summary
from sipwright.services.notifier.subscribe import event_of
from sipwright.services.ports import ProviderView
from sipwright.stack import Incoming

__all__ = ["MessagesWaiting"]


class MessagesWaiting:
    """The pipeline step for the NOTIFYs of providers, and the one place where a summary is set."""

    def __init__(
        self,
        summaries: MessageSummary,
        notifier: Callable[[], Notifier],
        providers_at: Callable[[str], Sequence[ProviderView]],
    ) -> None:
        """Make it; `providers_at` returns the providers at an IP address."""
        self._summaries = summaries
        self._notifier = notifier
        self._providers_at = providers_at

    def put(self, account_id: int, summary: Summary) -> None:
        """Say how many messages wait for an account.

        Raises:
            Reject: Nothing can be stored now.
        """
        if self._summaries.put(account_id, summary):
            self._notifier().changed(self._summaries.event, account_id)

    def __call__(self, incoming: Incoming) -> bool:
        """Take what a provider says without having been asked (RFC 3842 §3.2, as most of them do)."""
        request = incoming.request
        if request.method != "NOTIFY" or request.to_tag is not None:
            return False
        if event_of(request)[0] != self._summaries.event:
            return False
        account_id = self._account(incoming)
        summary = Summary.read(request.body)
        if account_id is None or summary is None:
            return False
        self.put(account_id, summary)
        incoming.respond(200)
        return True

    def _account(self, incoming: Incoming) -> int | None:
        """Return the account whose messages a provider takes: that which takes its calls."""
        found = self._providers_at(incoming.source[0])
        token = incoming.request.request_uri.user
        named = [one for one in found if one.contact_token == token] or found
        return named[0].account_id if len(named) == 1 else None
