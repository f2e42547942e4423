"""One subscriber: a subscription with its dialog, the way to its phone, and what was told."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from sipwright.services.ports import AccountView, Row
from sipwright.services.rows import SubscriptionRow
from sipwright.sip import Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.form import Form
from sipwright.sip.subscription import Subscription, read_retry_after
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import BriefUser
from sipwright.transport import Flow

from .listed import Listed
from .ports import Package
from .records import pack
from .rights import Rights

__all__ = ["PACE", "RESERVED", "Owner", "Subscriber"]

PACE = 1.0
"""Seconds between two NOTIFYs of changes to one subscriber at least (RFC 4235 §3.10)."""

_CONTACT = re.compile(rb"\r\n((?:contact|m)[ \t]*:[^\r\n]*)", re.IGNORECASE).search

RESERVED = 100
"""How many NOTIFYs a subscriber is sent before its row is written again: their CSeqs are set aside."""


class Owner(Protocol):
    """Who sends for the subscribers."""

    clock: Callable[[], float]

    def go_on(self, subscriber: Subscriber) -> None:
        """Do what the machine of a subscriber wants."""


class Subscriber(BriefUser):
    """A subscriber of one account; instants of its machine are those of the owner's clock.

    Its row allows for NOTIFYs up to the CSeq `reserved`; `seen` is the serial of what it was told last. `branch` is
    that of the NOTIFY which is under way, `form` what its NOTIFYs have in common, `contact` the Contact of its last
    answer, as bytes, and `judged` what its account may see of the other one, as long as neither has changed. What it
    watches of a list is in `listed` (RFC 4662).
    `wakes_at` and `is_soon` are its wakeups (`wakeups.py`).
    """

    __slots__ = (
        "account_id",
        "branch",
        "contact",
        "dialog",
        "event_text",
        "flow",
        "flow_key",
        "form",
        "form_for",
        "id",
        "is_soon",
        "judged",
        "listed",
        "machine",
        "owner",
        "package",
        "reserved",
        "seen",
        "subscriber_id",
        "wakes_at",
    )  # fmt: skip

    def __init__(
        self, owner: Owner, package: Package, account_id: int, subscriber_id: int, dialog: Dialog, event_text: str,
        machine: Subscription, *, is_list: bool = False,
    ) -> None:  # fmt: skip
        """Make one; `event_text` is its Event as it is to be said again, with the id."""
        self.owner = owner
        self.package = package
        self.account_id = account_id
        self.subscriber_id = subscriber_id
        self.dialog = dialog
        self.id = dialog.local_tag
        self.event_text = event_text
        self.machine = machine
        self.flow: Flow | None = None
        self.flow_key = ""
        self.reserved = RESERVED
        self.seen = 0
        self.wakes_at = inf
        self.is_soon = False
        self.branch = ""
        self.contact = b""
        self.form: Form | None = None
        self.form_for: tuple[Flow, str] | None = None
        self.judged: tuple[AccountView, AccountView, Rights] | None = None
        self.listed = Listed(self.id) if is_list else None

    @property
    def version(self) -> int:
        """The version of the next document: one for each NOTIFY, from 0 on, and never the same one twice."""
        return self.dialog.local_cseq

    @property
    def content_type(self) -> str:
        """The type of what it is told."""
        return self.package.content_type if self.listed is None else self.listed.content_type

    @property
    def weight(self) -> int:
        """How many subscriptions it counts for."""
        return 1 if self.listed is None else 1 + len(self.listed.members) // 10

    def body(self, account: AccountView, rights: Rights, *, is_full: bool) -> bytes | None:
        """Return what it is told next; None where a list has no news."""
        package, version = self.package, self.version
        if self.listed is not None:
            uri = f"sip:{account.username}@{account.domain}"
            return self.listed.body(package, uri, version, is_full=is_full)
        seen, self.seen = self.seen, package.serial(account.id)
        return package.document(account, rights, self.seen if is_full else seen, is_full=is_full).body(
            version
        )

    def use(self, flow: Flow) -> None:
        """Tell it by a flow from now on."""
        self.form = None
        self.flow, self.flow_key = flow, flow.key

    def row(self, node: str, ahead: float) -> Row:
        """Return its row; `ahead` is how far Unix time is before the clock of its machine."""
        known: dict[str, Any] = {
            "call_id": self.dialog.call_id, "dialog": self.dialog.to_state(), "event": self.event_text,
            "flow": self.flow_key, "reserved": self.reserved, "state": self.machine.state.value,
            "reason": self.machine.reason,
        }  # fmt: skip
        if self.listed is not None:
            known["is_list"] = True
        expires_at = self.machine.expires_at + ahead if self.machine.expires_at < inf else 0.0
        return SubscriptionRow(
            self.id, node, self.account_id, self.subscriber_id, self.package.event, expires_at, pack(known)
        )

    @classmethod
    def restored(
        cls, owner: Owner, package: Package, row: SubscriptionRow, known: dict[str, Any], ahead: float
    ) -> Subscriber:
        """Go on with one of an earlier process."""
        dialog = Dialog.from_state(known["call_id"], row.id, known["dialog"])
        dialog.local_cseq = known["reserved"]
        machine = Subscription.restored(
            known["state"], row.expires_at - ahead, owner.clock(), reason=known["reason"], pace=PACE
        )
        subscriber = cls(
            owner, package, row.account_id, row.subscriber_id, dialog, known["event"], machine,
            is_list=known.get("is_list", False),
        )  # fmt: skip
        subscriber.flow_key, subscriber.reserved = known["flow"], known["reserved"]
        return subscriber

    # The answer to a NOTIFY: over a transport that repeats nothing itself (`BriefClientUser`), and over others.

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response."""
        if response.is_final:
            self.on_answer(transaction.key[0], response)

    def on_ok(self, tx: ClientTransaction, data: bytes) -> bool:
        """Take a 200 by its bytes."""
        return self.take_ok(tx.key[0], data)

    def on_answer(self, branch: str, response: Response) -> None:
        """Take the final response."""
        if branch != self.branch:
            return
        if response.is_success and (contact := response.headers.first_line("contact")) is not None:
            self.contact = contact.encode("utf-8", "surrogateescape")
            self.dialog.refresh_target(response)
        retry_after = None if response.is_success else read_retry_after(response.headers.get("retry-after"))
        # That no connection leads to a phone now says nothing about what it wants.
        self.machine.answered(response.status, self.owner.clock(), retry_after)
        self.owner.go_on(self)

    def take_ok(self, branch: str, data: bytes) -> bool:
        """Take a 200 by its bytes, unless it says that the phone is to be found elsewhere now."""
        if branch != self.branch or b"\r\nCSeq: %d NOTIFY\r\n" % self.dialog.local_cseq not in data:
            return False
        if not (self.contact and self.contact in data):
            contact = _CONTACT(data)
            if contact is not None and contact[1] != self.contact:
                return False
        machine = self.machine
        machine.answered(200, self.owner.clock())
        if machine.wants:
            self.owner.go_on(self)
        return True
