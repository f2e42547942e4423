"""One leg of a call: the dialog between the switch and one phone or provider.

`Caller` is leg 0, `Callee` each leg that was tried. After the answer both sides are alike: what they share is
`Leg`. A leg keeps the facts and speaks to its transactions; what to do next is decided by its owner, the call.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import structlog

from sipwright.own_code import OwnCode
from sipwright.services.policy import Policy
from sipwright.services.ports import Provider
from sipwright.sip import ParseError, Request, Response, parse
from sipwright.sip.build import Written
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientTransaction, ReliableResponse
from sipwright.sip.uri import is_secure
from sipwright.stack import BRIEF, SECURE, BriefUser
from sipwright.transport import Flow

from ..model.header_table import NEIGHBOUR, OUTSIDER, PASSAGES, PHONE, SWITCH, TRUNK, Party, Passage
from ..model.leg_state import (
    ANSWERED,
    CALLING,
    END,
    ENDED,
    HANG_UP,
    HANGING_UP,
    LEADS_TO,
    OPEN,
    RULES,
    LegEvent,
)
from ..model.outcome import Outcome
from ..model.relayed import refuse_offer
from .leg_ports import LegOwner, OpenReInvite

log = structlog.get_logger(__name__)

__all__ = ["Leg", "was_cut_off"]


class WayBack:
    """The flow to the phone of a leg, wherever that has registered from by the time that something is sent."""

    __slots__ = ("_leg",)

    is_reliable = False
    """What cannot be sent comes again; another way to the phone than `usable` finds there is not."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def send(self, data: bytes) -> None:
        """Send one message. Raises OSError."""
        leg, flow = self._leg, self._leg.flow
        if flow is not None:
            leg.owner.ports.routes.usable(leg, flow).send(data)


NONE: dict[str, Dialog] = {}


class Leg(OwnCode, BriefUser):
    """What both sides of a call have: a dialog, the way to the peer, and the facts for the CDR.

    Before the answer there may be several dialogs: `early` has those by the tag that tells them apart, and `dialog` is
    the one that goes on. `source` is the address that the peer's messages really come from; a phone (`is_phone`) is
    only reached on the flow that it opened itself, `left` is the key of the one that it had before; `instance` names
    the device (RFC 5626 §4.1). Instants are Unix times.

    What the peer may not have heard yet: `unacked_response` is the last response to its INVITE until that is
    acknowledged, `last_final` the last final response to another request, `pending_request` our own request (BYE,
    OPTIONS) that is not answered, `ack` our last ACK. All are kept as bytes, to be sent again as they were.

    `provider` is whose leg it is, whoever has begun the call, and `auth` what that has asked for; `rounds` is how often
    our INVITE, or our BYE, was sent again because of it.

    It `expects_ack` while a 2xx of this process is not acknowledged; of an earlier one nobody knows.
    """

    __slots__ = (
        "ack",
        "answered_at",
        "auth",
        "dialog",
        "early",
        "ended_at",
        "expects_ack",
        "flow",
        "hung_up_by",
        "index",
        "instance",
        "invite",
        "invite_cseq",
        "is_neighbour",
        "is_phone",
        "last_final",
        "last_final_at",
        "left",
        "local_tag",
        "outcome",
        "owner",
        "pending_request",
        "provider",
        "rang_at",
        "reinvite",
        "repeater",
        "rounds",
        "sip_call_id",
        "source",
        "started_at",
        "state",
        "unacked_at",
        "unacked_cseq",
        "unacked_response",
    )

    neighbour: ClassVar[Party]
    """What another user of this switch is on that side (`is_neighbour`), whatever the way to them is."""

    def __init__(
        self, owner: LegOwner[Leg], index: int, sip_call_id: str, local_tag: str, started_at: float
    ) -> None:
        self.owner = owner
        self.index = index
        self.sip_call_id = sip_call_id
        self.local_tag = local_tag
        self.state = CALLING
        self.flow: Flow | None = None
        self.left: str | None = None
        self.source = ""
        self.dialog: Dialog | None = None
        self.early = NONE
        self.invite: Request | None = None
        self.invite_cseq = 1
        self.is_phone = self.is_neighbour = False
        self.instance: str | None = None
        self.ack: bytes | None = None
        self.unacked_response: bytes | None = None
        self.unacked_cseq = 0
        self.unacked_at = 0.0
        self.pending_request: bytes | None = None
        self.last_final: bytes | None = None
        self.last_final_at = 0.0
        self.reinvite: OpenReInvite[Leg] | None = None
        self.provider: Provider | None = None
        self.auth: ClientAuth | None = None
        self.rounds = 0
        self.repeater: ReliableResponse | None = None
        self.expects_ack = False
        self.started_at = started_at
        self.rang_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.outcome: Outcome | None = None
        self.hung_up_by: str | None = None

    # For both sides: what `super()` finds is of the class that they share, and so is its code.
    _begin = __init__

    def transition(self, event: LegEvent) -> None:
        """Go on to the state that an event leads to; nothing else changes it."""
        state = RULES.get((self.state, event))
        if state is None:
            self._no_rule(event)
            state = LEADS_TO[event]
        self.state = state
        self.owner.changed()

    def _no_rule(self, event: LegEvent) -> None:
        log.error(
            "no rule for a leg", call_id=self.owner.id, leg=self.index, state=self.state, happened=event
        )

    @property
    def party(self) -> Party:
        """Who is at the other end, as far as what it says is believed."""
        if self.is_neighbour:
            return self.neighbour
        if self.flow is not None and self.flow.protocol == "loop":
            return SWITCH
        if self.provider is not None:
            return TRUNK
        return PHONE if self.is_phone else OUTSIDER

    def may(self, action: str, policy: Policy, domain: str) -> bool:
        """Return whether the policy lets the peer do something that concerns accounts of a domain."""
        if self.provider is not None:
            return policy.allows(action, "trunks", domain, self.provider[1])
        is_inside = self.is_phone or self.party in (SWITCH, NEIGHBOUR)
        return policy.allows(action, "phones" if is_inside else "strangers", domain)

    def contact_on(self, flow: Flow) -> str:
        """Return our Contact for the peer: of sips where its own is, and where it was called so (RFC 3261 §12.1.1)."""
        stack = self.owner.ports.stack
        return stack.local_contact(
            flow, stack.call_user, is_secure=flow.protocol in SECURE and self.is_secure
        )

    @property
    def is_secure(self) -> bool:
        """The peer is promised TLS on the whole way (RFC 3261 §26.2.2)."""
        if self.dialog is not None:
            return is_secure(self.dialog.remote_target)
        invite = self.invite
        if invite is None:
            return False
        try:
            by = invite.record_route[:1] or invite.contacts
            named = [invite.request_uri, *(address.uri for address in by)]
        except ParseError:
            named = [invite.request_uri]
        return any(uri.scheme == "sips" for uri in named)

    @property
    def is_proved(self) -> bool:
        """The peer is a phone of ours or a provider, as it has proved; anybody else is a stranger."""
        return self.is_phone or self.provider is not None

    def passage_to(self, receiver: Leg) -> Passage:
        """Return which headers cross from this leg to another."""
        return PASSAGES[self.party, receiver.party]

    @property
    def is_open(self) -> bool:
        """The leg may still be answered."""
        return self.state in OPEN

    @property
    def is_finished(self) -> bool:
        """Nothing more is expected from the peer of this leg."""
        return self.state is ENDED

    def tell(self, invite: Request, response: Response | bytes, now: float) -> None:
        """Note a response to the peer's INVITE that it may not have heard."""
        self.unacked_response, self.unacked_cseq, self.unacked_at = bytes(response), invite.cseq.number, now
        self.owner.changed()

    def acked(self) -> None:
        """Note that the peer has heard that response: it need not be repeated."""
        self.unacked_response = None
        self.expects_ack = False
        if self.repeater is not None:
            self.repeater.stop()
            self.repeater = None

    def answer(self, response: Response | bytes, now: float) -> None:
        """Note a final response to another request that the peer may not have heard."""
        self.last_final, self.last_final_at = bytes(response), now
        self.owner.changed()

    def end(self, outcome: Outcome, now: float, hung_up_by: str | None = None) -> None:
        """Note how the leg ended, once; the transactions may still have work to do."""
        if self.ended_at is None:
            self.ended_at = now
            self.outcome = outcome
            self.hung_up_by = hung_up_by

    # What a provider asks for.

    def sign(self, request: Request) -> None:
        """Add to a request of the call itself what the provider of this leg is known to want.

        Nothing that crosses from somebody else is given to this: our name would stand under what a stranger wants.
        """
        if self.auth is not None and self.provider is not None:
            self.owner.ports.credentials.sign(self.provider, self.auth, request)

    def is_challenged(self, request: Request, response: Response, rounds: int) -> bool:
        """Return whether a request of ours is to be sent again, since its response is a challenge that can be met."""
        provider, auth = self.provider, self.auth or ClientAuth()
        if response.status not in (401, 407) or provider is None:
            return False
        if not self.owner.ports.credentials.challenged(provider, auth, request, response, rounds):
            return False
        self.auth = auth
        self.owner.changed()
        return True

    def note_credentials(self, response: Response) -> None:
        """Note what a final response to a request of ours says about our credentials."""
        if self.auth is not None and self.provider is not None:
            self.owner.ports.credentials.answered(self.provider, self.auth, response)
            self.owner.changed()

    # What the peer is told.

    def acknowledge(self, body: bytes = b"", content_type: str | None = None) -> None:
        """Send the ACK to a 2xx, and keep it for the next copy of that 2xx (RFC 3261 §13.2.2.4)."""
        dialog, flow, ports = self.dialog, self.flow, self.owner.ports
        if dialog is None or flow is None:
            return
        headers = () if self.auth is None else self.auth.of_invite(self.invite_cseq)
        self.ack = data = dialog.write_request(
            "ACK",
            ports.stack.new_via(flow),
            headers=headers,
            body=body,
            content_type=content_type,
            cseq=self.invite_cseq,
        ).wire
        if self.reinvite is not None and self.reinvite.owes_ack:
            self.reinvite = None
        self.owner.changed()
        self.owner.when_stored(partial(ports.routes.send_ack, self, data))

    def acknowledge_unanswered(self, told: bytes) -> None:
        """Acknowledge a 2xx whose offer nobody will answer: the other end, which was `told` of it, hangs up instead."""
        if self.ack is None and self.state is ANSWERED:
            self.acknowledge(*refuse_offer(parse(told)))

    def acknowledge_again(self, response: Response) -> None:
        """Repeat the ACK to a 2xx that comes again, since ours was lost; it may be that of an earlier INVITE."""
        number, ports = response.cseq.number, self.owner.ports
        if self.ack is not None and parse(self.ack).cseq.number == number:
            ports.routes.send_ack(self, self.ack)
        elif self.dialog is not None and self.flow is not None and number < self.invite_cseq:
            headers = () if self.auth is None else self.auth.of_invite(number)
            ack = self.dialog.write_request(
                "ACK", ports.stack.new_via(self.flow), headers=headers, cseq=number
            )
            ports.routes.send_ack(self, ack.wire)

    def repeat_until_acknowledged(self, success: bytes, *, is_recovered: bool = False) -> None:
        """Repeat a 2xx that the peer was sent until its ACK comes (RFC 3261 §13.3.1.4)."""
        if self.flow is not None and self.state is ANSWERED:
            if self.repeater is not None:  # whoever asks for something else has heard the answer before
                self.repeater.stop()
            owner = self.owner
            self.expects_ack = not is_recovered
            timed_out = partial(
                owner.perhaps_acknowledged if is_recovered else owner.never_acknowledged, self
            )
            way = WayBack(self) if self.is_phone else self.flow
            self.repeater = owner.ports.stack.layer.repeat(success, way, timed_out, owner.ports.clock())

    @property
    def is_answer_repeated(self) -> bool:
        """The peer was sent a 2xx that it has not acknowledged, and is sent it again."""
        return self.unacked_response is not None and self.repeater is not None

    @property
    def has_refused_goodbye(self) -> bool:
        """The peer knew nothing of the call when it was said good-bye to, as the answer was lost on its way."""
        return self.state is HANGING_UP and self.pending_request is None

    def say_goodbye(self, headers: tuple[tuple[str, str], ...] = (), *, rounds: int = 0) -> None:
        """Send BYE, for the first time or, after so many challenges, again."""
        dialog, flow, owner = self.dialog, self.flow, self.owner
        self.rounds = rounds
        if dialog is None or flow is None:
            self.transition(END)
            return
        self.transition(HANG_UP)
        via = owner.ports.stack.new_via(flow, BRIEF)
        if self.auth is None:
            bye = dialog.write_request("BYE", via, headers=headers)
        else:
            signed = dialog.make_request("BYE", via=via, headers=headers)
            self.sign(signed)
            bye = Written("BYE", via, bytes(signed))
        self.pending_request = bye.wire
        owner.when_stored(partial(owner.ports.routes.send_request, self, bye, self), is_urgent=True)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response to the BYE that this leg was sent (RFC 3261 §15.1.1)."""
        owner = self.owner
        owner.handle(owner.farewell_answered, self, transaction, response)

    def on_ok(self, tx: ClientTransaction, data: bytes) -> bool:
        """Take the 200 to the BYE, as nearly every BYE is answered, unless it may say something of credentials."""
        if self.auth is not None:
            return False
        owner = self.owner
        owner.handle(owner.farewell_taken, self)
        return True


def was_cut_off(transaction: ClientTransaction, response: Response) -> bool:
    """Return whether a request over a connection was not answered because that ended (RFC 3261 §18.4).

    Nobody knows then whether the peer has got it.
    """
    return response.local and response.status == 503 and transaction.flow.is_reliable
