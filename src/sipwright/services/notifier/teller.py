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
from sipwright.sip.subscription import Notify, Subscription
from sipwright.sip.uri import is_secure
from sipwright.stack import BRIEF
from sipwright.transport import Flow

from .lists import EVENTLIST, Lists, RightsBy
from .ports import NotifierPorts
from .rights import Rights
from .subscriber import RESERVED, Subscriber
from .subscriber_table import Resource, SubscriberTable
from .usual_notify import sent_at_once
from .wakeups import Wakeups

__all__ = ["Teller"]

log = structlog.get_logger(__name__)

GATHER = 0.1
"""Seconds for which the changes of an account are gathered: a call that comes in rings by then."""

AT_ONCE = 50
"""NOTIFYs that leave before the loop has a turn: a millisecond."""

Step = Callable[[Subscription, float], object]
"""What is done to the machine of a subscriber that has waited for its turn."""


class Teller:
    """Sends for all subscribers what their machines want to be sent."""

    def __init__(self, ports: NotifierPorts, table: SubscriberTable, rights: RightsBy, lists: Lists) -> None:
        self.clock = ports.clock
        self._lists = lists
        self.notified = 0
        self._ports = ports
        self._table = table
        self._rights = rights
        self._wakeups = Wakeups(ports.clock, ports.call_later, self._wake)
        self._changed: dict[Resource, None] = {}
        self._queue: deque[tuple[Subscriber, Step]] = deque()
        self._is_draining = False

    def changed(self, event: str, account_id: int) -> None:
        """Take note that there is something new about an account; whoever watches it hears of it in a moment."""
        if self._table.is_watched(event, account_id):
            if not self._changed:
                self._ports.call_later(GATHER, self._tell)
            self._changed[event, account_id] = None

    def tell_again(self, subscribers: Iterable[Subscriber]) -> None:
        """Go on with some subscribers, a few at a time."""
        self._queue.extend((subscriber, _go_on) for subscriber in subscribers)
        self._drain_soon()

    def _wake(self, subscribers: Iterable[Subscriber]) -> None:
        self._queue.extend((subscriber, _advance) for subscriber in subscribers)
        self._drain()

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        told: dict[str, Subscriber] = {}
        for resource in changed:
            told |= self._table.of_account(*resource)  # once, who watches several of them
        self._queue.extend(
            (subscriber, Subscription.change) for subscriber in told.values() if not subscriber.machine.wants
        )
        self._drain()

    def _drain(self) -> None:
        """Let some of those who wait hear the news, and the loop have a turn before the next ones do."""
        queue, now = self._queue, self.clock()
        for _ in range(min(AT_ONCE, len(queue))):
            subscriber, step = queue.popleft()
            if not self._tell_at_once(subscriber, step, now):
                step(subscriber.machine, now)
                self.go_on(subscriber)
        self._is_draining = False
        if queue:
            self._drain_soon()

    def _tell_at_once(self, subscriber: Subscriber, step: Step, now: float) -> bool:
        """Tell one that waits for nothing, not even for a wakeup."""
        if step is _advance and subscriber.machine.wants:
            now = _due(subscriber.machine, now)
        elif step is not Subscription.change:
            return False
        is_told = subscriber.wakes_at < inf and sent_at_once(self._ports, subscriber, now)
        self.notified += is_told
        return is_told

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
                    self._wakeups.drop(subscriber)
                    self._table.forget(subscriber)
                    return
        due = machine.deadline()
        if due < subscriber.wakes_at and subscriber.id in self._table.all:
            self._wakeups.set(subscriber, due)

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
        account, by = self.both(subscriber)
        if account is None or by is None:
            both = (subscriber.account_id, subscriber.subscriber_id)
            if self._ports.fetch(both, partial(self._fetched, subscriber, effect)):
                return
        self._send(subscriber, effect, account, by)

    def _fetched(self, subscriber: Subscriber, effect: Notify, is_known: bool) -> None:
        if subscriber.id not in self._table.all:
            return
        if is_known:
            self._send(subscriber, effect, *self.both(subscriber))
        else:
            subscriber.machine.answered(503, self.clock())
            self.go_on(subscriber)

    def both(self, subscriber: Subscriber) -> tuple[AccountView | None, AccountView | None]:
        """Return the account that is watched, and that of whoever watches, where they are in memory."""
        find = self._ports.directory.account_by_id
        return find(subscriber.account_id), find(subscriber.subscriber_id)

    def _send(
        self, subscriber: Subscriber, effect: Notify, account: AccountView | None, by: AccountView | None
    ) -> None:
        rights = Rights.NONE if account is None or by is None else self._judged(subscriber, account, by)
        if rights is Rights.NONE and not effect.is_last:
            subscriber.machine.unsent("noresource" if account is None else "rejected", self.clock())
            self.go_on(subscriber)
            return
        flow = self._way_to(subscriber)
        if flow is None:
            self._look_up(subscriber, effect)
        elif account is None or by is None or rights is Rights.NONE:
            self._send_bare(subscriber, effect, flow)
        elif self._lists.look_up(subscriber, account, by, partial(self._fetched, subscriber, effect)):
            self._send_document(
                subscriber, effect, flow, subscriber.body(account, rights, is_full=effect.is_full)
            )

    def _send_document(self, subscriber: Subscriber, effect: Notify, flow: Flow, body: bytes | None) -> None:
        """Send a NOTIFY with what it tells; a list without news says nothing."""
        if body is None:
            subscriber.machine.untold(self.clock())
            self.go_on(subscriber)
            return
        self.notified += 1
        dialog, stack = subscriber.dialog, self._ports.stack
        subscriber.branch = branch = stack.new_branch(BRIEF)
        dialog.local_cseq = cseq = dialog.local_cseq + 1
        form = self._form(subscriber, flow)
        if flow.is_reliable:
            stack.start_client(form.write(branch, cseq, effect.state, body), flow, subscriber)
        else:
            stack.send_brief(branch, form.wire(branch, cseq, effect.state, body), flow, subscriber)
        if subscriber.listed is not None and subscriber.listed.has_more:
            subscriber.machine.follow(self.clock())

    def _send_bare(self, subscriber: Subscriber, effect: Notify, flow: Flow) -> None:
        """Send the last NOTIFY of one that may be told nothing."""
        self.notified += 1
        subscriber.branch = self._ports.stack.new_branch(BRIEF)
        headers = (*self._headers(subscriber, flow), ("Subscription-State", effect.state))
        via = self._ports.stack.via_for(flow, subscriber.branch)
        notify = subscriber.dialog.write_request("NOTIFY", via, headers=headers)
        self._ports.stack.start_client(notify, flow, subscriber)

    def _judged(self, subscriber: Subscriber, account: AccountView, by: AccountView) -> Rights:
        """Return what a subscriber may see, which is looked up once for the accounts as they are."""
        judged = subscriber.judged
        if judged is None or judged[0] is not account or judged[1] is not by:
            rights = self._rights(account, by, subscriber.package)
            subscriber.judged = judged = account, by, rights
        return judged[2]

    def _form(self, subscriber: Subscriber, flow: Flow) -> Form:
        """Return what all NOTIFYs to a subscriber have in common, as long as it is where it is."""
        form, target = subscriber.form, subscriber.dialog.remote_target
        if form is None or subscriber.form_for != (flow, target):
            before, _, behind = self._ports.stack.via_for(flow, "\t").partition("\t")
            form = subscriber.form = subscriber.dialog.form(
                "NOTIFY", (before, behind), self._headers(subscriber, flow), "Subscription-State",
                subscriber.content_type,
            )  # fmt: skip
            subscriber.form_for = flow, target
        return form

    def _headers(self, subscriber: Subscriber, flow: Flow) -> tuple[tuple[str, str], ...]:
        headers = (("Contact", self.contact(subscriber, flow)), ("Event", subscriber.event_text))
        return headers if subscriber.listed is None else (*headers, ("Require", EVENTLIST))

    def contact(self, subscriber: Subscriber, flow: Flow) -> str:
        """Return our Contact for a subscriber: of sips where its own is (RFC 3261 §12.1.1)."""
        return self._ports.stack.local_contact(flow, is_secure=is_secure(subscriber.dialog.remote_target))

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
                self._send(subscriber, effect, *self.both(subscriber))

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


def _go_on(machine: Subscription, now: float) -> None:
    """Do nothing: what it wants is in its outbox."""


def _advance(machine: Subscription, now: float) -> None:
    machine.advance(_due(machine, now))


def _due(machine: Subscription, now: float) -> float:
    """Return the instant of what is due: a timer may be a little early."""
    return max(now, min(machine.deadline(), now + 0.001))
