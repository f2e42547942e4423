"""A switch with a notifier on a network in memory, and phones that subscribe."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import ClassVar

from tests.services.switch.conftest import Bench

from sipwright.node.call_watches import CallWatches
from sipwright.node.dialog_watch import DialogWatch
from sipwright.node.messages_waiting import MessagesWaiting
from sipwright.services.notifier import (
    MessageSummary,
    Notifier,
    NotifierPorts,
    Presence,
    Publisher,
    RegInfo,
    rights_of,
)
from sipwright.services.rows import EventStateRow, SubscriptionRow
from sipwright.sip import Response, parse

EVENT = "dialog"


class WatchBench(Bench):
    """The bench of the switch, with busy lamps."""

    providers_at: ClassVar[dict] = {}
    contacts: ClassVar[dict] = {}

    def start(self):
        super().start()
        network, switch = self.network, self.switch
        self.setting = getattr(self, "setting", {})
        self.members = getattr(self, "members", {})
        self.watches = CallWatches(lambda watch: setattr(switch.ports, "watch", watch))
        self.dialogs = DialogWatch(
            switch.calls.values,
            lambda is_used: self.watches.set("dialogs", self.dialogs if is_used else None),
        )
        ports = NotifierPorts(
            node="n1", stack=self.stack, directory=self.accounts, authenticator=self.accounts,
            locations=self.accounts, writer=self.database, clock=network.clock, unix_time=network.clock,
            call_later=network.call_later, token=lambda: f"{next(self.counter):016x}",
            rights_of=lambda watched, by: rights_of(self.setting.get(watched.username), watched, by),
            members_of=lambda account: tuple(
                (name, account.domain) for name in self.members.get(account.username, ())
            ),
            domain_beside=switch.router.senders.domain_beside,
        )  # fmt: skip
        self.notifier = self.dialogs.notifier = Notifier(ports, (self.dialogs, *self.more_packages()))
        publisher = Publisher(ports, self.notifier, self.presence)
        self.pipeline.steps = (self.notifier, publisher, self.waiting, self.switch)

    def more_packages(self):
        self.summaries = MessageSummary(self.database, self.network.clock)
        self.waiting = MessagesWaiting(
            self.summaries, lambda: self.notifier, lambda host: self.providers_at.get(host, [])
        )
        self.presence = Presence(
            self.database, self.network.clock, lambda account_id: bool(self.accounts.targets(account_id, 0.0))
        )
        self.reg_info = RegInfo(lambda account_id: self.contacts.get(account_id, ()))
        return self.summaries, self.presence, self.reg_info

    def restart(self):
        self.dialogs_of_old = self.notifier
        rows = [SubscriptionRow(*row) for row in self.database.rows["subscription"].values()]
        super().restart()
        said = [EventStateRow(*row) for row in self.database.rows["event_state"].values()]
        self.summaries.load(said)
        self.presence.load(said)
        self.dialogs.hold()
        self.notifier.recover(rows)
        self.dialogs.fill()
        self.notifier.resume()
        self.run(0.05)


class Lamp:
    """A busy-lamp key of a phone: it subscribes, and answers the NOTIFYs that it hears."""

    def __init__(self, bench, phone, uri="sip:bob@example.org", *, event=EVENT, call_id=None):
        self.bench = bench
        self.phone = phone
        phone.domain = "example.org"
        self.uri = uri
        self.event = event
        self.call_id = call_id or f"lamp-{phone.name}-{uri}"
        self.to = None
        self.answers = 200
        self.more = ()
        self.told = []
        self.heard = []
        phone.transport.on_message = self._hear

    def _hear(self, data, flow):
        message = parse(data)
        if (
            not isinstance(message, Response)
            and message.method == "NOTIFY"
            and message.call_id == self.call_id
        ):
            self.heard.append((self.bench.network.now, message))
            if self.answers is not None:
                copied = [(name, value) for name, value in message.headers.items()
                          if name.lower() in ("via", "from", "to", "call-id", "cseq")]  # fmt: skip
                flow.send(bytes(Response(self.answers, None, [*copied, *self.more])))
        else:
            self.phone.heard.append(message)

    def subscribe(self, expires=3600, *, headers=(), event=None):
        lines = [("Event", event or self.event), *headers]
        if expires is not None:
            lines.append(("Expires", str(expires)))
        request = self.phone.request(
            "SUBSCRIBE", self.uri, to=self.to, call_id=self.call_id, tag="lamp", headers=lines
        )
        self.phone.send(request)
        answer = next(
            m for m in reversed(self.phone.heard) if isinstance(m, Response) and m.cseq == request.cseq
        )
        if answer.is_success:
            self.to = answer.headers.get("To")
        return answer

    def notifies(self):
        """Return and forget the NOTIFYs that were heard."""
        heard, self.heard = [message for _, message in self.heard], []
        return heard

    def states(self):
        """Return what the lamp was told: the states of the dialogs in each document."""
        return [re.findall(r"<state>(\w+)</state>", notify.body.decode()) for notify in self.notifies()]


LISTED = [("Supported", "eventlist")]
"""What a phone says in its SUBSCRIBE that can read lists (RFC 4662 §4.1)."""


def listed(notify):
    """Return what a NOTIFY of a list says: its version, whether it is full, and each member's document, or why none."""
    boundary = re.search(r'boundary="([^"]+)"', notify.headers.get("Content-Type"))[1]
    first, *parts, last = notify.body.decode().split(f"--{boundary}")[1:]
    documents = {}
    for part in parts:
        head, _, document = part.strip("\r\n").partition("\r\n\r\n")
        documents[re.search(r"Content-ID: <([^>]+)>", head)[1]] = document
    assert last == "--\r\n"
    head = re.search(r'uri="([^"]+)" version="(\d+)" fullState="(\w+)"', first)
    members = {}
    for uri, inside in re.findall(r'<resource uri="sip:([^"@]+)@[^"]+"(?:/>|>(.*?)</resource>)', first):
        cid, state, reason = (found(name, inside) for name in ("cid", "state", "reason"))
        members[uri] = documents.pop(cid) if cid else reason or state
    assert documents == {}
    return SimpleNamespace(uri=head[1], version=int(head[2]), is_full=head[3] == "true", members=members)


def lit(notify):
    """Return what the lamps of a list show after a NOTIFY: the states of each member's calls, or why there are none."""
    members = listed(notify).members
    return {
        name: re.findall(r"<state>(\w+)</state>", text) if text and text.startswith("<") else text
        for name, text in members.items()
    }


def described(notify):
    """Return what a dialog-info says of itself, and of its dialogs."""
    text = notify.body.decode()
    head = re.search(r'version="(\d+)" state="(\w+)" entity="([^"]+)"', text)
    dialogs = [
        SimpleNamespace(
            call_id=found("call-id", one), local_tag=found("local-tag", one), remote_tag=found("remote-tag", one),
            direction=found("direction", one), state=re.search(r"<state>(\w+)<", one)[1], id=found("id", one),
            text=one,
        )
        for one in re.findall(r"<dialog .*?</dialog>", text, re.DOTALL)
    ]  # fmt: skip
    return SimpleNamespace(version=int(head[1]), state=head[2], entity=head[3], dialogs=dialogs)


def found(name, text):
    match = re.search(rf' {name}="([^"]*)"', text)
    return None if match is None else match[1]
