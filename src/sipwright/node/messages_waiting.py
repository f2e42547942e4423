"""Where a message summary comes from: a script or a person who says so, or the provider that has taken the messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipwright.services.notifier import MessageSummary, Notifier, Summary
from sipwright.services.notifier.subscribe import event_of
from sipwright.services.ports import ProviderView
from sipwright.sip import Request
from sipwright.stack import Incoming

__all__ = ["MessagesWaiting"]


class MessagesWaiting:
    """The pipeline step for the NOTIFYs of providers, and the one place where a summary is set."""

    methods = ("NOTIFY",)

    def __init__(
        self,
        summaries: MessageSummary,
        notifier: Callable[[], Notifier],
        providers_at: Callable[[str], Sequence[ProviderView]],
        on_over: Callable[[ProviderView], object] = lambda provider: None,
    ) -> None:
        """Make it; `providers_at` gives the providers at an address, `on_over` hears whose subscription has ended."""
        self._summaries = summaries
        self._notifier = notifier
        self._providers_at = providers_at
        self._on_over = on_over

    def put(self, account_id: int, summary: Summary) -> None:
        """Say how many messages wait for an account.

        Raises:
            Reject: Nothing can be stored now.
        """
        if self._summaries.put(account_id, summary):
            self._notifier().changed(self._summaries.event, account_id)

    def __call__(self, incoming: Incoming) -> bool:
        """Take what a provider says, asked (`MessagesAsked`) or, as most of them do, unasked (RFC 3842 §3.2).

        What one says that was asked is known by the user part of our Contact, which nobody can guess: whichever process
        has asked. It may say nothing yet, or that it will say no more.
        """
        request = incoming.request
        if request.method not in self.methods or event_of(request)[0] != self._summaries.event:
            return False
        is_asked = request.to_tag is not None
        provider = self._provider(incoming, is_named=is_asked)
        summary = Summary.read(request.body)
        if provider is None or provider.account_id is None or (summary is None and not is_asked):
            return False
        if summary is not None:
            self.put(provider.account_id, summary)
        incoming.respond(200)
        if is_asked and is_over(request):
            self._on_over(provider)
        return True

    def _provider(self, incoming: Incoming, *, is_named: bool) -> ProviderView | None:
        """Return the provider that says something: of the account which takes its calls."""
        found = self._providers_at(incoming.source[0])
        token = incoming.request.request_uri.user
        named = [one for one in found if one.contact_token == token] or ([] if is_named else found)
        return named[0] if len(named) == 1 else None


def is_over(notify: Request) -> bool:
    """Return whether nothing will follow a NOTIFY, by its Subscription-State (RFC 6665 §4.1.3)."""
    state = notify.headers.get("subscription-state") or ""
    return state.partition(";")[0].strip().lower() == "terminated"
