"""The notifier: SUBSCRIBE requests in, NOTIFYs out for as long as somebody wants to know (RFC 6665).

A subscription is a row before it is accepted (`records.py`), and goes on in another process. What there is to tell is
up to the packages, and when that is told to `teller.py`; here it is found out who may be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from sipwright.services.ports import AccountView
from sipwright.services.refusals import no_such_call, not_served, store_away, unknown_user
from sipwright.services.rows import SubscriptionRow
from sipwright.sip import Reject, Request
from sipwright.sip.dialog import Dialog
from sipwright.sip.subscription import Subscription
from sipwright.stack import Incoming

from .lists import EVENTLIST, Lists
from .ports import NotifierPorts, Package
from .records import UnreadableSubscription, unpack
from .rights import Rights
from .subscribe import allow_events, event_of, lifetime, package_of, refuse_unreadable
from .subscriber import PACE, Subscriber
from .subscriber_table import SubscriberTable
from .teller import Teller

__all__ = ["Notifier", "NotifierSnapshot"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NotifierSnapshot:
    """How many subscriptions there are, by event, and how many NOTIFYs were sent since the start."""

    subscriptions: dict[str, int]
    notified: int


class Notifier:
    """The pipeline step for SUBSCRIBE, and all subscribers."""

    methods = ("SUBSCRIBE",)

    def __init__(self, ports: NotifierPorts, packages: Iterable[Package]) -> None:
        self.packages = {package.event: package for package in packages}
        self.table = SubscriberTable(ports)
        self.lists = Lists(ports, self.table, self.rights)
        self.teller = Teller(ports, self.table, self.rights, self.lists)
        self._ports = ports
        self._is_held = False

    @property
    def subscribers(self) -> dict[str, Subscriber]:
        """All subscribers, by our tag of their dialog."""
        return self.table.all

    def snapshot(self) -> NotifierSnapshot:
        """Return the numbers that the faces show."""
        return NotifierSnapshot(self.table.counts(), self.teller.notified)

    def changed(self, event: str, account_id: int) -> None:
        """Take note that there is something new about an account; whoever watches it hears of it in a moment."""
        self.teller.changed(event, account_id)

    def accounts_of(self, tag: str) -> tuple[int, ...]:
        """Return the accounts that a subscription is about: whose phone it is of, and which one is watched."""
        subscriber = self.table.all.get(tag)
        return () if subscriber is None else (subscriber.account_id, subscriber.subscriber_id)

    # The pipeline step.

    def __call__(self, incoming: Incoming) -> bool:
        """Take a SUBSCRIBE: one that begins a dialog, and those inside of the dialogs that such a one has begun."""
        request = incoming.request
        if request.method not in self.methods:
            return False
        tag = request.to_tag
        if tag is not None:
            subscriber = self.table.all.get(tag)
            if subscriber is None:
                return False  # it may be about a REFER in a call
            self._refresh(subscriber, incoming)
        else:
            self._begin(incoming)
        return True

    def _begin(self, incoming: Incoming) -> None:
        request = incoming.request
        package = package_of(self.packages, request)
        subscriber = self.sender(incoming)
        if subscriber is None:
            return
        _ = incoming.transaction  # the nonce is used up, so a repetition has to be absorbed
        account = self.resource(request)
        if not self._ports.policy.allows("subscribe", "phones", account.domain):
            raise Reject(403, "Nobody May Watch", why="the policy forbids it ('sipwright policy')")
        self._refuse_strangers(account, subscriber, package)
        is_list = self.lists.asked(request, account, package)
        refuse_unreadable(request, package, is_list=is_list)
        seconds = lifetime(request)
        if not request.contacts:
            raise Reject(
                400, "A Contact Is Needed", why="nobody can be told without a Contact (RFC 6665 §3.1.1)"
            )
        self._refuse_too_many(subscriber.id, seconds)
        self._take(incoming, package, account, subscriber, seconds, is_list=is_list)

    def sender(self, incoming: Incoming) -> AccountView | None:
        """Return the account that a request comes from; None when it was challenged.

        Raises:
            Reject: It is none of ours.
        """
        sender = incoming.request.from_uri
        domain = self._ports.directory.served_domain(sender.host, sender.port)
        if domain is None and sender.is_anonymous:
            domain = self._domain_of_unnamed(incoming)
        if domain is None:
            raise Reject(403, "Not From Outside", why=f"only accounts here may watch one; {sender} is none")
        return self._ports.authenticator.authenticate(incoming, domain)

    def _domain_of_unnamed(self, incoming: Incoming) -> str | None:
        """Return the realm whose credentials tell who hides: that of what it asks for, where nothing else says one.

        To hide from those who are told takes no right away (RFC 3323 §4.1.1.3, RFC 3261 §22.1).
        """
        asked = incoming.request.request_uri
        domain = self._ports.domain_beside(incoming)
        return domain or self._ports.directory.served_domain(asked.host, asked.port)

    def resource(self, request: Request) -> AccountView:
        """Return the account that a request is about.

        Raises:
            Reject: There is none.
        """
        uri, directory = request.request_uri, self._ports.directory
        domain = directory.served_domain(uri.host, uri.port)
        if domain is None:
            raise not_served(uri.host)
        account = directory.account(uri.user or "", domain)
        if account is None:
            raise unknown_user(uri.user or "", domain)
        return account

    def _refuse_strangers(self, account: AccountView, subscriber: AccountView, package: Package) -> None:
        rights = self.rights(account, subscriber, package)
        if rights is Rights.NONE:
            name = f"{account.username}@{account.domain}"
            by = f"{subscriber.username}@{subscriber.domain}"
            why = f"{by} may not watch {name}; 'sipwright account watch {name} --allow {by}' lets it"
            raise Reject(403, "You May Not Watch It", why=why)

    def rights(self, account: AccountView, subscriber: AccountView, package: Package) -> Rights:
        """Return what a subscriber may see of an account by way of a package."""
        if not package.is_public and account.user_id != subscriber.user_id:
            return Rights.NONE
        return self._ports.rights_of(account, subscriber)

    def _refuse_too_many(self, subscriber_id: int, seconds: int) -> None:
        if seconds and not self.table.has_room_for(subscriber_id):
            raise Reject(
                503,
                "Too Many Subscriptions",
                (("Retry-After", "600"),),
                why="there are too many subscriptions",
            )

    def _take(
        self, incoming: Incoming, package: Package, account: AccountView, by: AccountView, seconds: int, *,
        is_list: bool,
    ) -> None:  # fmt: skip
        request, ports = incoming.request, self._ports
        if ports.writer.is_away:
            raise store_away()
        dialog = Dialog.as_uas(request, ports.token())
        machine = Subscription(PACE)
        subscriber = Subscriber(
            self.teller, package, account.id, by.id, dialog, _event_text(request), machine, is_list=is_list
        )
        subscriber.use(incoming.flow)
        self.table.add(subscriber)
        machine.subscribe(seconds, ports.clock())
        self.table.store(subscriber, partial(self._accept, subscriber, incoming, seconds))

    def _refresh(self, subscriber: Subscriber, incoming: Incoming) -> None:
        """Take a SUBSCRIBE that prolongs a subscription, or ends it."""
        request, dialog = incoming.request, subscriber.dialog
        is_of = request.call_id == dialog.call_id and (request.from_tag or "") == dialog.remote_tag
        if not is_of or not subscriber.machine.is_live or _event_text(request) != subscriber.event_text:
            raise no_such_call()
        if incoming.flow.key != subscriber.flow_key:
            sender = self.sender(incoming)
            if sender is None:
                return
            if sender.id != subscriber.subscriber_id:
                raise no_such_call()
        account = self._ports.directory.account_by_id(subscriber.account_id)
        by = self._ports.directory.account_by_id(subscriber.subscriber_id)
        if account is None or by is None:
            raise no_such_call()
        self._refuse_strangers(account, by, subscriber.package)
        refuse_unreadable(request, subscriber.package, is_list=subscriber.listed is not None)
        seconds = lifetime(request)
        if self._ports.writer.is_away:
            raise store_away()
        if not dialog.accepts(request):
            raise Reject(500, "CSeq Out Of Order")
        _ = incoming.transaction
        dialog.refresh_target(request)
        subscriber.use(incoming.flow)
        subscriber.machine.subscribe(seconds, self._ports.clock())
        self.table.store(subscriber, partial(self._accept, subscriber, incoming, seconds))

    def _accept(self, subscriber: Subscriber, incoming: Incoming, seconds: int) -> None:
        """Answer a SUBSCRIBE whose subscription is stored; the NOTIFY follows at once."""
        headers = [
            ("Expires", str(seconds)),
            ("Contact", self.teller.contact(subscriber, incoming.flow)),
            ("Allow-Events", allow_events(self.packages)),
        ]
        if subscriber.listed is not None:
            headers.append(("Require", EVENTLIST))  # RFC 4662 §4.1
        incoming.respond(200, headers=headers, to_tag=subscriber.id)
        self.teller.go_on(subscriber)

    # Other processes, and other times.

    def recover(self, rows: Iterable[SubscriptionRow]) -> list[Subscriber]:
        """Go on with the subscriptions of an earlier process; `resume` sets them going, and until then none is."""
        self._is_held = True
        recovered = []
        ahead = self._ports.unix_time() - self._ports.clock()
        for row in rows:
            try:
                known = unpack(row.document)
                subscriber = Subscriber.restored(self.teller, self.packages[row.event], row, known, ahead)
            except (UnreadableSubscription, LookupError, TypeError, ValueError) as error:
                log.error(
                    "a subscription of an earlier process stays in the database", id=row.id, error=str(error)
                )
                continue
            self.table.add(subscriber)
            recovered.append(subscriber)
        self._look_up_lists(recovered)
        return recovered

    def _look_up_lists(self, recovered: Iterable[Subscriber]) -> None:
        """Look up the members of lists that are in memory, so that the calls of all are gone through once."""
        for subscriber in recovered:
            account, by = self.teller.both(subscriber)
            if subscriber.listed is not None and account is not None and by is not None:
                self.lists.look_up(subscriber, account, by, lambda _is_known: None)

    def resume(self, recovered: Iterable[Subscriber] | None = None) -> None:
        """Tell subscribers of an earlier process, or all, everything once more; the transports must be open."""
        self._is_held = False
        self.teller.tell_again(self.table.all.values() if recovered is None else recovered)

    def registered(self, account_id: int) -> None:
        """Take note that a phone has registered: what it could not be told it is told now."""
        if self._is_held:
            return
        now = self._ports.clock()
        for subscriber in self.table.by_account(account_id):
            if subscriber.flow is None or subscriber.flow.is_closed:
                subscriber.machine.reached(now)
                self.teller.go_on(subscriber)

    def account_changed(self, first_id: int, last_id: int) -> None:
        """End what nobody may watch any more: an account has gone, or its owner has changed who may."""
        for subscriber in self.table.concerning(first_id, last_id):
            both = (subscriber.account_id, subscriber.subscriber_id)
            if not self._ports.fetch(both, partial(self._judge, subscriber)):
                self._judge(subscriber)

    def _judge(self, subscriber: Subscriber, is_known: bool = True) -> None:
        if not is_known or subscriber.id not in self.table.all:
            return  # it is looked at again before it is told anything
        subscriber.judged = None
        directory, now = self._ports.directory, self._ports.clock()
        account = directory.account_by_id(subscriber.account_id)
        by = directory.account_by_id(subscriber.subscriber_id)
        if account is None or by is None:
            subscriber.machine.end("noresource", now)
        elif self.rights(account, by, subscriber.package) is Rights.NONE:
            subscriber.machine.end("rejected", now)
        elif subscriber.listed is not None:
            if not self.lists.members_of(account, subscriber.package):
                subscriber.machine.end("noresource", now)
            subscriber.listed.is_stale = True
            subscriber.machine.change(now)
        self.teller.go_on(subscriber)


def _event_text(request: Request) -> str:
    """Return the event as it is to be said again, with its id."""
    event, name = event_of(request)
    return f"{event};id={name}" if name else event
