"""What we hold at one provider, or try to: the facts, and how they are stored.

Instants are monotonic; in the database they are unix time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sipwright.services.ports import ProviderView

from .ports import StoredRegistration
from .provider import Place
from .timing import ASKED, LEASE, REFUSALS, lease_end, renewal_after, retry_after

__all__ = ["Held", "State"]

SKIPPED_CSEQS = 100
"""How far the CSeq jumps after a restart: requests sent since the row was written last must have had lower ones."""


class State(StrEnum):
    """How a registration stands, as it is stored and shown."""

    REGISTERING = "registering"
    REGISTERED = "registered"
    FAILED = "failed"
    STOPPED = "stopped"


class Held:
    """What we hold at one provider, or try to.

    Attributes:
        place: Where; fixed, as is `call_id`. Another place is another registration.
        contact: What the provider has been told, while it holds that; `expires_at` says until when.
        address: The IP address of whoever has accepted it last, from where calls may come.
        service_route: Through which proxies our requests are to go there, as the values of a header (RFC 3608).
        trouble: Why nobody would take the calls that it brings.
        lease_until: Until when no other node may take it from us.
        due: When the next attempt is to begin.
        is_leaving: It is not wanted any more, and to be removed at the provider.
        owns_row: Its row is to go with it.
    """

    __slots__ = (
        "_has_worked",
        "address",
        "asked",
        "call_id",
        "claimed_at",
        "contact",
        "cseq",
        "due",
        "expires_at",
        "failures",
        "is_leaving",
        "is_removing",
        "is_under_way",
        "lease_until",
        "owns_row",
        "place",
        "provider",
        "reason",
        "refusals",
        "service_route",
        "state",
        "status",
        "trouble",
    )

    def __init__(
        self, provider: ProviderView, place: Place, trouble: str | None, call_id: str, now: float
    ) -> None:
        self.provider = provider
        self.place = place
        self.trouble = trouble
        self.call_id = call_id
        self.cseq = 0
        self.contact: str | None = None
        self.address: str | None = None
        self.service_route: str | None = None
        self.state = State.REGISTERING
        self.expires_at: float | None = None
        self.status: int | None = None
        self.reason: str | None = None
        self.asked = ASKED
        self.failures = self.refusals = 0
        self.claimed_at = self.due = now
        self.lease_until = now + LEASE
        self.is_under_way = self.is_leaving = self.is_removing = False
        self.owns_row = True
        self._has_worked = False

    def restore(self, row: StoredRegistration, now: float, unix_time: float) -> None:
        """Go on where a row of the table `registrations` says that an earlier process was.

        A registration that holds is not renewed before it is due, and one that was refused is not tried again sooner
        because we have been restarted.
        """
        if row.call_id is not None:
            self.call_id = row.call_id
            self.cseq = (row.cseq or 0) + SKIPPED_CSEQS
        self.status, self.reason, self.contact = row.status, row.reason, row.contact
        self.address = row.address
        offset = now - unix_time
        self.lease_until = offset + lease_end(row.state, row.expires_at, row.updated_at)
        if row.state == State.REGISTERED and row.expires_at is not None and row.expires_at > unix_time:
            self.state = State.REGISTERED
            self.expires_at = offset + row.expires_at
            self.service_route = row.service_route
            self._has_worked = True
            if row.status == 200:
                granted = max(row.expires_at - row.updated_at, 0.0)
                self.due = max(self.expires_at - (granted - renewal_after(granted)), now)
        elif row.state == State.STOPPED:
            # Its settings may have changed while nobody looked, so it is asked once more.
            self.state, self.refusals = State.STOPPED, REFUSALS - 1
        elif row.state == State.FAILED:
            self.state = State.FAILED
            if row.status in (403, 404):
                self.due = max(offset + row.updated_at + retry_after(1, row.status, None, 0.0), now)

    def row(self, node: str | None, now: float, unix_time: float) -> tuple[Any, ...]:
        """Return the row of the table `registrations`, with its columns in order."""
        expires_at = None if self.expires_at is None else self.expires_at - now + unix_time
        return (
            self.provider.id, node, str(self.state), self.contact, self.call_id, self.cseq, expires_at,
            self.status, self.reason, unix_time, self.address, self.service_route,
        )  # fmt: skip

    @property
    def user(self) -> str:
        """The user part of our Contact: it stays the same, whoever takes the calls."""
        return self.provider.contact_token

    def holds(self, now: float) -> bool:
        """Return whether the provider sends calls to our contact now."""
        return self.contact is not None and self.expires_at is not None and self.expires_at > now
