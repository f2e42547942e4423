"""The teller: the NOTIFYs that subscribers are sent, and when (RFC 6665 §4.2.2).

What changes is gathered, so that a call costs little while it goes on; the NOTIFYs leave a moment later, a few at a
time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from math import inf

import structlog

from sipwright.services.ports import AccountView
from sipwright.sip import ParseError, Reject, Uri
from sipwright.sip.form import Form
from sipwright.sip.subscription import Notify
from sipwright.stack import BRIEF, TimerHeap, Wakeup
from sipwright.transport import Flow

from .ports import NotifierPorts, Package
from .rights import Rights
from .subscriber import RESERVED, Subscriber
from .subscriber_table import Resource, SubscriberTable

__all__ = ["Teller"]

log = structlog.get_logger(__name__)

GATHER = 0.1
"""Seconds for which the changes of an account are gathered: a call that comes in rings by then."""

AT_ONCE = 20
"""NOTIFYs that leave before the loop has a turn: some 2 ms."""

RightsBy = Callable[[AccountView, AccountView, Package], Rights]
"""Returns what the second account may see of the first one by way of a package."""


class Teller:
    """Sends for all subscribers what their machines want to be sent."""

    def __init__(self, ports: NotifierPorts, table: SubscriberTable, rights: RightsBy) -> None:
        self.clock = ports.clock
        self.notified = 0
        self._ports = ports
        self._table = table
        self._rights = rights
        self._heap: TimerHeap[str] = TimerHeap()
        self._wakeup = Wakeup(ports.clock, ports.call_later, self._wake)
        self._changed: dict[Resource, None] = {}
        self._queue: deque[tuple[Subscriber, bool]] = deque()
        self._is_draining = False

    def changed(self, event: str, account_id: int) -> None:
        """Take note that there is something new about an account; whoever watches it hears of it in a moment."""
        if self._table.is_watched(event, account_id):
            if not self._changed:
                self._ports.call_later(GATHER, self._tell)
            self._changed[event, account_id] = None

    def tell_again(self, subscribers: Iterable[Subscriber]) -> None:
        """Go on with some subscribers, a few at a time."""
        self._queue.extend((subscriber, False) for subscriber in subscribers)
        self._drain_soon()

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        for resource in changed:
            self._queue.extend((subscriber, True) for subscriber in self._table.of_account(*resource))
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
                    self._heap.drop(subscriber.id)
                    self._table.forget(subscriber)
                    return
        due = machine.deadline()
        if due < subscriber.wakes_at and subscriber.id in self._table.all:
            subscriber.wakes_at = due
            self._heap.set(subscriber.id, due)
            self._wakeup.at(due)

    def _wake(self) -> None:
        heap, now = self._heap, self.clock()
        for _ in range(AT_ONCE):
            name = heap.pop(now + 0.001)
            subscriber = None if name is None else self._table.all.get(name)
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
                self._table.store(subscriber, partial(self._fetch, subscriber, effect))
            except Reject:
                log.debug("subscription dropped, as nothing can be stored", id=subscriber.id)
        else:
            self._fetch(subscriber, effect)

    def _fetch(self, subscriber: Subscriber, effect: Notify) -> None:
        """Send a NOTIFY when both accounts are in memory."""
        both = (subscriber.account_id, subscriber.subscriber_id)
        if not self._ports.fetch(both, partial(self._fetched, subscriber, effect)):
            self._send(subscriber, effect)

    def _fetched(self, subscriber: Subscriber, effect: Notify, is_known: bool) -> None:
        if subscriber.id not in self._table.all:
            return
        if is_known:
            self._send(subscriber, effect)
        else:
            subscriber.machine.answered(503, self.clock())
            self.go_on(subscriber)

    def _send(self, subscriber: Subscriber, effect: Notify) -> None:
        ports, package = self._ports, subscriber.package
        flow = self._way_to(subscriber)
        account = ports.directory.account_by_id(subscriber.account_id)
        by = ports.directory.account_by_id(subscriber.subscriber_id)
        rights = Rights.NONE if account is None or by is None else self._rights(account, by, package)
        if rights is Rights.NONE and not effect.is_last:
            subscriber.machine.unsent("noresource" if account is None else "rejected", self.clock())
            self.go_on(subscriber)
            return
        if flow is None:
            self._look_up(subscriber, effect)
            return
        subscriber.branch = branch = ports.stack.new_branch(BRIEF)
        if account is not None and rights is not Rights.NONE:
            seen = subscriber.seen
            subscriber.seen = package.serial(account.id)
            body = package.document(account, rights, seen, is_full=effect.is_full).body(subscriber.version)
            subscriber.dialog.local_cseq = cseq = subscriber.dialog.local_cseq + 1
            notify = self._form(subscriber, flow).write(branch, cseq, effect.state, body)
        else:
            headers = (*self._headers(subscriber, flow), ("Subscription-State", effect.state))
            via = ports.stack.via_for(flow, branch)
            notify = subscriber.dialog.write_request("NOTIFY", via, headers=headers)
        self.notified += 1
        ports.stack.start_client(notify, flow, subscriber)

    def _form(self, subscriber: Subscriber, flow: Flow) -> Form:
        """Return what all NOTIFYs to a subscriber have in common, as long as it is where it is."""
        form, target = subscriber.form, subscriber.dialog.remote_target
        if form is None or subscriber.form_for != (flow, target):
            before, _, behind = self._ports.stack.via_for(flow, "\t").partition("\t")
            form = subscriber.form = subscriber.dialog.form(
                "NOTIFY", (before, behind), self._headers(subscriber, flow), "Subscription-State",
                subscriber.package.content_type,
            )  # fmt: skip
            subscriber.form_for = flow, target
        return form

    def _headers(self, subscriber: Subscriber, flow: Flow) -> tuple[tuple[str, str], ...]:
        return (("Contact", self.contact(subscriber, flow)), ("Event", subscriber.event_text))

    def contact(self, subscriber: Subscriber, flow: Flow) -> str:
        """Return our Contact for a subscriber: of sips where its own is (RFC 3261 §12.1.1)."""
        is_secure = subscriber.dialog.remote_target.startswith("sips:")
        return self._ports.stack.local_contact(flow, is_secure=is_secure)

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
            subscriber.use(flow)
        return flow

    def _look_up(self, subscriber: Subscriber, effect: Notify) -> None:
        """Send a NOTIFY by the proxy that stands between, as no flow leads to the phone any more."""

        def found(_target: object, flow: Flow | None) -> None:
            if subscriber.id not in self._table.all:
                return
            if flow is None or flow.is_closed:
                subscriber.machine.answered(503, self.clock())
                self.go_on(subscriber)
            else:
                subscriber.use(flow)
                self._send(subscriber, effect)

        hop = self._proxy_of(subscriber)
        if hop is None:
            found(None, None)
        else:
            self._ports.stack.outbound.reach(hop, found)

    def _proxy_of(self, subscriber: Subscriber) -> Uri | None:
        """Return the first proxy of the route (RFC 3261 §12.2.1.1), else of the phone's Path (RFC 3327 §5.3)."""
        dialog = subscriber.dialog
        if not dialog.route_set:
            phones = self._ports.locations.targets(subscriber.subscriber_id, self.clock())
            paths = [phone.path for phone in phones if phone.uri == dialog.remote_target and phone.path]
            dialog.route_set = list(paths[0]) if paths else []
        try:
            return Uri.parse(dialog.next_hop()) if dialog.route_set else None
        except ParseError:
            return None
