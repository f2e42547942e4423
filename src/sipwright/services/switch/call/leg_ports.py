"""What a leg asks of its surroundings, and of the call that it is of.

The class of a leg is a parameter here, since a leg is made on top of this.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, TypeVarTuple

from sipwright.services.ports import Provider
from sipwright.sip import Message, Request, Response
from sipwright.sip.build import Written
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientTransaction, ClientUser
from sipwright.stack import Stack
from sipwright.transport import Flow

__all__ = ["Arguments", "LegOwner", "LegPorts", "LegRoutes", "OpenReInvite", "ProviderCredentials"]

Arguments = TypeVarTuple("Arguments")

LegT = TypeVar("LegT")
LegT_contra = TypeVar("LegT_contra", contravariant=True)


class LegRoutes(Protocol[LegT_contra]):
    """The way to the peer of a leg."""

    def usable(self, leg: LegT_contra, flow: Flow) -> Flow:
        """Return `flow`, or where its phone has registered since, or what stands for it while its phone is away."""

    def learn_flow(self, leg: LegT_contra, flow: Flow) -> None:
        """Take the flow that the peer of a leg speaks by, when the leg's own is gone."""

    def take_back(self, leg: LegT_contra, invite: Request) -> None:
        """Cancel an INVITE, which may have come to a phone before its connection ended, as soon as that is back."""

    def heard_from(self, leg: LegT_contra, flow: Flow) -> None:
        """Note where the peer of a leg really is, from a request that may change the call."""

    def refreshed(self, leg: LegT_contra, message: Message, flow: Flow | None = None) -> None:
        """Follow a peer to where a target refresh request, or the 2xx to one, says that it is."""

    def send_request(
        self,
        leg: LegT_contra,
        request: Request | Written,
        user: ClientUser | None,
        dialog: Dialog | None = None,
        *,
        is_again: bool = False,
        holds_ack: bool = False,
    ) -> ClientTransaction | None:
        """Send a request inside a dialog; returns its transaction, unless the way is to be looked up first.

        The dialog is the leg's own, unless another one is given. One that was sent before goes as its peer has heard it
        with `is_again`; the ACK to a failure is for the user to send with `holds_ack`.
        """

    def repeat_request(
        self, leg: LegT_contra, wire: bytes, user: ClientUser | None, dialog: Dialog | None = None
    ) -> ClientTransaction | None:
        """Send a request once more that an earlier process may have sent, as its peer has heard it."""

    def send_ack(
        self, leg: LegT_contra, ack: bytes, dialog: Dialog | None = None, *, is_again: bool = False
    ) -> None:
        """Send an ACK, which has no transaction; `is_again` as for a request."""


class ProviderCredentials(Protocol):
    """What is signed for the challenges of providers, and of nobody else (RFC 3261 §22)."""

    def in_advance(self, provider: Provider) -> ClientAuth | None:
        """Return what a provider has accepted last, if anything is known."""

    def sign(self, provider: Provider, auth: ClientAuth, request: Request) -> None:
        """Add to a request of ours what the provider is known to want."""

    def challenged(
        self, provider: Provider, auth: ClientAuth, request: Request, response: Response, rounds: int
    ) -> bool:
        """Take a 401 or 407; True when the request is to be sent again, signed anew."""

    def answered(self, provider: Provider, auth: ClientAuth, response: Response) -> None:
        """Take what any other final response says about what the request was signed with."""


@dataclass(eq=False, slots=True, kw_only=True)
class LegPorts(Generic[LegT]):
    """What a leg asks of its surroundings."""

    stack: Stack
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    routes: LegRoutes[LegT]
    credentials: ProviderCredentials


class LegOwner(Protocol[LegT]):
    """Whose leg it is: a call, or what answers for the calls that are over."""

    @property
    def id(self) -> str:
        """The call."""

    @property
    def ports(self) -> LegPorts[LegT]:
        """The surroundings."""

    def changed(self) -> None:
        """Note that the state differs from the stored one."""

    def when_stored(self, action: Callable[[], object], *, is_urgent: bool = False) -> None:
        """Do `action` once everything that has changed up to now is committed, in order."""

    def event(self) -> AbstractContextManager[object]:
        """Return the context in which something happens to it; what changed is then committed, and the peers told."""

    def handle(self, handler: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Let `handler` handle something inside of an event."""

    def farewell_answered(self, leg: LegT, transaction: ClientTransaction, response: Response) -> None:
        """Take the response to our BYE."""

    def farewell_taken(self, leg: LegT) -> None:
        """Take note that the peer has taken our BYE."""

    def never_acknowledged(self, leg: LegT) -> None:
        """Take note that our 2xx was never acknowledged."""

    def perhaps_acknowledged(self, leg: LegT) -> None:
        """Take note that no ACK to our 2xx has come to this process."""


class OpenReInvite(Protocol[LegT_contra]):
    """A re-INVITE that is under way on a leg, whoever has sent it."""

    @property
    def owes_ack(self) -> bool:
        """Whether it is over with the ACK of ours that its 2xx waits for."""

    def is_acknowledged_by(self, leg: LegT_contra, ack: Request) -> bool:
        """Return whether the ACK of a leg is to its 2xx, and not to that of an INVITE before it."""

    def acknowledged(self, ack: Request) -> None:
        """Take the ACK of the peer."""

    def go_on(self) -> None:
        """Take note that the peer has acknowledged what came before."""
