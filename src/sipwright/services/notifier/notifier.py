"""The notifier: SUBSCRIBE requests in, NOTIFYs out for as long as somebody wants to know (RFC 6665).

A subscription is a row before it is accepted (`records.py`), and goes on in another process. What there is to tell is
up to the packages; here it is found out who may be told. What changes is gathered, so that a call costs little while it
goes on: whoever knows of a change says so with `changed`, and the NOTIFYs leave a moment later, a few at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import structlog

from sipwright.services.authentication import Authenticator
from sipwright.services.ports import AccountView, CallLater, Clock, Directory, Locations, Writer
from sipwright.services.refusals import no_such_call, not_served, store_away, unknown_user
from sipwright.services.rows import SubscriptionRow
from sipwright.sip import Reject, Request
from sipwright.sip.dialog import Dialog
from sipwright.sip.subscription import Notify, Subscription
from sipwright.stack import Incoming, Stack, TimerHeap, Wakeup
from sipwright.transport import Flow

from .ports import Package, RightsOf
from .records import UnreadableSubscription, unpack
from .rights import Rights
from .subscribe import allow_events, event_of, lifetime, package_of, refuse_unreadable
from .subscriber import PACE, RESERVED, Subscriber

__all__ = ["Notifier", "NotifierPorts", "NotifierSnapshot"]

log = structlog.get_logger(__name__)

GATHER = 0.1
"""Seconds for which the changes of an account are gathered: a call that comes in rings by then."""

AT_ONCE = 20
"""NOTIFYs that leave before the loop has a turn: some 2 ms."""

MOST_OF_ONE = 1_000
"""Subscriptions of one account, which may have several phones with a hundred keys each."""

MOST = 100_000
"""Subscriptions of all."""

Resource = tuple[str, int]
"""What is watched: an event, and the account."""


@dataclass(frozen=True, slots=True)
class NotifierSnapshot:
    """How many subscriptions there are, by event, and how many NOTIFYs were sent since the start."""

    subscriptions: dict[str, int]
    notified: int


@dataclass(eq=False, slots=True, kw_only=True)
class NotifierPorts:
    """What the notifier asks of its surroundings."""

    node: str
    stack: Stack
    directory: Directory
    authenticator: Authenticator
    locations: Locations
    writer: Writer
    clock: Clock
    unix_time: Clock
    call_later: CallLater
    token: Callable[[], str]
    rights_of: RightsOf


class Notifier:
    """The pipeline step for SUBSCRIBE, and all subscribers."""

    def __init__(self, ports: NotifierPorts, packages: Iterable[Package]) -> None:
        self.packages = {package.event: package for package in packages}
        self.subscribers: dict[str, Subscriber] = {}
        self.clock = ports.clock
        self._ports = ports
        self._of: dict[Resource, dict[str, Subscriber]] = {}
        self._by: dict[int, dict[str, Subscriber]] = {}
        self._heap: TimerHeap[str] = TimerHeap()
        self._wakeup = Wakeup(ports.clock, ports.call_later, self._wake)
        self._changed: dict[Resource, None] = {}
        self._queue: deque[tuple[Subscriber, bool]] = deque()
        self._is_draining = self._is_held = False
        self.notified = 0

    # The pipeline step.

    def __call__(self, incoming: Incoming) -> bool:
        """Take a SUBSCRIBE: one that begins a dialog, and those inside of the dialogs that such a one has begun."""
        request = incoming.request
        if request.method != "SUBSCRIBE":
            return False
        tag = request.to_tag
        if tag is not None:
            subscriber = self.subscribers.get(tag)
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
        self._refuse_strangers(account, subscriber, package)
        refuse_unreadable(request, package)
        seconds = lifetime(request)
        if not request.contacts:
            raise Reject(
                400, "A Contact Is Needed", why="nobody can be told without a Contact (RFC 6665 §3.1.1)"
            )
        self._refuse_too_many(subscriber.id, seconds)
        self._take(incoming, package, account, subscriber, seconds)

    def sender(self, incoming: Incoming) -> AccountView | None:
        """Return the account that a request comes from; None when it was challenged.

        Raises:
            Reject: It is none of ours.
        """
        sender = incoming.request.from_uri
        domain = self._ports.directory.served_domain(sender.host, sender.port)
        if domain is None:
            raise Reject(403, "Not From Outside", why=f"only accounts here may watch one; {sender} is none")
        return self._ports.authenticator.authenticate(incoming, domain)

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
        if seconds and (len(self.subscribers) >= MOST or len(self._by.get(subscriber_id, ())) >= MOST_OF_ONE):
            raise Reject(
                503,
                "Too Many Subscriptions",
                (("Retry-After", "600"),),
                why="there are too many subscriptions",
            )

    def _take(
        self, incoming: Incoming, package: Package, account: AccountView, by: AccountView, seconds: int
    ) -> None:
        request, ports = incoming.request, self._ports
        if ports.writer.is_away:
            raise store_away()
        dialog = Dialog.as_uas(request, ports.token())
        event, name = event_of(request)
        event_text = f"{event};id={name}" if name else event
        machine = Subscription(PACE)
        subscriber = Subscriber(self, package, account.id, by.id, dialog, event_text, machine)
        self._use(subscriber, incoming.flow)
        self._add(subscriber)
        machine.subscribe(seconds, ports.clock())
        self._store(subscriber, partial(self._accept, subscriber, incoming, seconds))

    def _refresh(self, subscriber: Subscriber, incoming: Incoming) -> None:
        """Take a SUBSCRIBE that prolongs a subscription, or ends it."""
        request, dialog = incoming.request, subscriber.dialog
        is_of = request.call_id == dialog.call_id and (request.from_tag or "") == dialog.remote_tag
        if not is_of or not subscriber.machine.is_live or self._event_text(request) != subscriber.event_text:
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
        refuse_unreadable(request, subscriber.package)
        seconds = lifetime(request)
        if self._ports.writer.is_away:
            raise store_away()
        if not dialog.accepts(request):
            raise Reject(500, "CSeq Out Of Order")
        _ = incoming.transaction
        dialog.refresh_target(request)
        self._use(subscriber, incoming.flow)
        subscriber.machine.subscribe(seconds, self.clock())
        self._store(subscriber, partial(self._accept, subscriber, incoming, seconds))

    def _event_text(self, request: Request) -> str:
        event, name = event_of(request)
        return f"{event};id={name}" if name else event

    def _accept(self, subscriber: Subscriber, incoming: Incoming, seconds: int) -> None:
        """Answer a SUBSCRIBE whose subscription is stored; the NOTIFY follows at once."""
        headers = (
            ("Expires", str(seconds)),
            ("Contact", self._contact(subscriber, incoming.flow)),
            ("Allow-Events", allow_events(self.packages)),
        )
        incoming.respond(200, headers=headers, to_tag=subscriber.id)
        self.go_on(subscriber)

    def _contact(self, subscriber: Subscriber, flow: Flow) -> str:
        """Return our Contact for a subscriber: of sips where its own is (RFC 3261 §12.1.1)."""
        is_secure = subscriber.dialog.remote_target.startswith("sips:")
        return self._ports.stack.local_contact(flow, is_secure=is_secure)

    # The table.

    def _use(self, subscriber: Subscriber, flow: Flow) -> None:
        subscriber.flow, subscriber.flow_key = flow, flow.key

    def _add(self, subscriber: Subscriber) -> None:
        self.subscribers[subscriber.id] = subscriber
        self._by.setdefault(subscriber.subscriber_id, {})[subscriber.id] = subscriber
        resource = subscriber.package.event, subscriber.account_id
        beside = self._of.get(resource)
        if beside is None:
            beside = self._of[resource] = {}
            subscriber.package.watch(subscriber.account_id)
        beside[subscriber.id] = subscriber

    def _forget(self, subscriber: Subscriber) -> None:
        if self.subscribers.pop(subscriber.id, None) is None:
            return
        of_phone = self._by[subscriber.subscriber_id]
        del of_phone[subscriber.id]
        if not of_phone:
            del self._by[subscriber.subscriber_id]
        resource = subscriber.package.event, subscriber.account_id
        beside = self._of[resource]
        del beside[subscriber.id]
        if not beside:
            del self._of[resource]
            subscriber.package.unwatch(subscriber.account_id)
        self._heap.drop(subscriber.id)
        try:
            self._ports.writer.put("subscription", subscriber.id, None)
        except Reject:
            log.debug("subscription not deleted", id=subscriber.id)  # it runs out

    def _store(self, subscriber: Subscriber, then: Callable[[], None]) -> None:
        ports = self._ports
        ahead = ports.unix_time() - ports.clock()
        try:
            ports.writer.put("subscription", subscriber.id, partial(subscriber.row, ports.node, ahead), then)
        except Reject:
            self._forget(subscriber)
            raise

    def of_account(self, event: str, account_id: int) -> Sequence[Subscriber]:
        """Return who watches an account."""
        return list(self._of.get((event, account_id), {}).values())

    def snapshot(self) -> NotifierSnapshot:
        """Return the numbers that the faces show."""
        counts: dict[str, int] = {}
        for event, account_id in self._of:
            counts[event] = counts.get(event, 0) + len(self._of[event, account_id])
        return NotifierSnapshot(counts, self.notified)

    # What is told.

    def changed(self, event: str, account_id: int) -> None:
        """Take note that there is something new about an account; whoever watches it hears of it in a moment."""
        resource = event, account_id
        if resource in self._of:
            if not self._changed:
                self._ports.call_later(GATHER, self._tell)
            self._changed[resource] = None

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        for resource in changed:
            self._queue.extend((subscriber, True) for subscriber in self._of.get(resource, {}).values())
        self._drain()

    def _drain(self) -> None:
        """Let some of those who wait hear the news, and the loop have a turn before the next ones do."""
        queue, now = self._queue, self.clock()
        for _ in range(min(AT_ONCE, len(queue))):
            subscriber, is_news = queue.popleft()
            if is_news:
                subscriber.machine.change(now)
            self.go_on(subscriber)
        self._is_draining = False
        if queue:
            self._drain_soon()

    def _drain_soon(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            self._ports.call_later(0.0, self._drain)

    def go_on(self, subscriber: Subscriber) -> None:
        """Do what the machine of a subscriber wants, and wake it when it wants that."""
        machine = subscriber.machine
        while machine.outbox:
            outbox, machine.outbox = machine.outbox, []
            for effect in outbox:
                if isinstance(effect, Notify):
                    self._notify(subscriber, effect)
                else:
                    self._forget(subscriber)
                    return
        due = machine.deadline()
        if due < subscriber.wakes_at and subscriber.id in self.subscribers:
            subscriber.wakes_at = due
            self._heap.set(subscriber.id, due)
            self._wakeup.at(due)

    def _wake(self) -> None:
        heap, now = self._heap, self.clock()
        for _ in range(AT_ONCE):
            name = heap.pop(now + 0.001)
            subscriber = None if name is None else self.subscribers.get(name)
            if name is None:
                break
            if subscriber is not None:
                subscriber.wakes_at = inf
                subscriber.machine.advance(max(now, min(subscriber.machine.deadline(), now + 0.001)))
                self.go_on(subscriber)
        self._wakeup.at(heap.next_at())

    def _notify(self, subscriber: Subscriber, effect: Notify) -> None:
        if subscriber.dialog.local_cseq >= subscriber.reserved:
            subscriber.reserved = subscriber.dialog.local_cseq + RESERVED
            try:
                self._store(subscriber, partial(self._send, subscriber, effect))
            except Reject:
                log.debug("subscription dropped, as nothing can be stored", id=subscriber.id)
        else:
            self._send(subscriber, effect)

    def _send(self, subscriber: Subscriber, effect: Notify) -> None:
        ports, package = self._ports, subscriber.package
        flow = self._way_to(subscriber)
        account = ports.directory.account_by_id(subscriber.account_id)
        by = ports.directory.account_by_id(subscriber.subscriber_id)
        rights = Rights.NONE if account is None or by is None else self.rights(account, by, package)
        if rights is Rights.NONE and not effect.is_last:
            subscriber.machine.unsent("noresource" if account is None else "rejected", self.clock())
            self.go_on(subscriber)
            return
        if flow is None:
            subscriber.machine.answered(503, self.clock())
            self.go_on(subscriber)
            return
        body, content_type = b"", None
        if account is not None and rights is not Rights.NONE:
            seen = subscriber.seen
            subscriber.seen = package.serial(account.id)
            body = package.document(account, rights, seen, is_full=effect.is_full).body(subscriber.version)
            content_type = package.content_type
        notify = subscriber.dialog.make_request(
            "NOTIFY", via=ports.stack.via_for(flow, ports.stack.new_branch()), contact=self._contact(subscriber, flow),
            headers=(("Event", subscriber.event_text), ("Subscription-State", effect.state)), body=body,
            content_type=content_type,
        )  # fmt: skip
        self.notified += 1
        ports.stack.start_client(notify, flow, subscriber)

    def _way_to(self, subscriber: Subscriber) -> Flow | None:
        """Return the flow that the last SUBSCRIBE came by, or that its phone has opened since."""
        flow, ports = subscriber.flow, self._ports
        if flow is not None and not flow.is_closed:
            return flow
        flow = ports.stack.flow_from_key(subscriber.flow_key)
        if flow is None:
            target = subscriber.dialog.remote_target
            for phone in ports.locations.targets(subscriber.subscriber_id, ports.clock()):
                if phone.uri == target and (flow := ports.stack.flow_from_key(phone.source)) is not None:
                    break
        if flow is not None:
            self._use(subscriber, flow)
        return flow

    # Other processes, and other times.

    def recover(self, rows: Iterable[SubscriptionRow]) -> None:
        """Go on with the subscriptions of an earlier process; `resume` sets them going, and until then none is."""
        self._is_held = True
        ahead = self._ports.unix_time() - self._ports.clock()
        for row in rows:
            try:
                known = unpack(row.document)
                subscriber = Subscriber.restored(self, self.packages[row.event], row, known, ahead)
            except (UnreadableSubscription, LookupError, TypeError, ValueError) as error:
                log.error(
                    "a subscription of an earlier process stays in the database", id=row.id, why=str(error)
                )
                continue
            self._add(subscriber)

    def resume(self) -> None:
        """Tell all subscribers of an earlier process everything once more; the transports must be open."""
        self._is_held = False
        self._queue.extend((subscriber, False) for subscriber in self.subscribers.values())
        self._drain_soon()

    def registered(self, account_id: int) -> None:
        """Take note that a phone has registered: what it could not be told it is told now."""
        if self._is_held:
            return
        now = self.clock()
        for subscriber in list(self._by.get(account_id, {}).values()):
            if subscriber.flow is None or subscriber.flow.is_closed:
                subscriber.machine.reached(now)
                self.go_on(subscriber)

    def account_changed(self, first_id: int, last_id: int) -> None:
        """End what nobody may watch any more: an account has gone, or its owner has changed who may."""
        for event, account_id in list(self._of):
            if first_id <= account_id <= last_id:
                for subscriber in self.of_account(event, account_id):
                    self._judge(subscriber)
        for subscriber_id in [each for each in self._by if first_id <= each <= last_id]:
            for subscriber in list(self._by[subscriber_id].values()):
                self._judge(subscriber)

    def _judge(self, subscriber: Subscriber) -> None:
        directory = self._ports.directory
        account, by = (
            directory.account_by_id(subscriber.account_id),
            directory.account_by_id(subscriber.subscriber_id),
        )
        if account is None or by is None:
            subscriber.machine.end("noresource", self.clock())
        elif self.rights(account, by, subscriber.package) is Rights.NONE:
            subscriber.machine.end("rejected", self.clock())
        self.go_on(subscriber)
