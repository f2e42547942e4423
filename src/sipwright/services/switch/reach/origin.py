"""Whether a request inside a dialog comes from the phone whose leg it names.

Tags cannot be guessed, but they are read by whoever has once forwarded or overheard a message. So what a phone says in
its dialog has to come from where the phone is: from the address of the dialog, or from one that its account is
registered at. One that has moved meanwhile has to authenticate (RFC 3261 §22.2), and may then hang up from anywhere.

Phones that change networks in a call say so by a re-INVITE or an UPDATE with a Contact there (RFC 3261 §12.2.2), and
many do not expect to be challenged inside a dialog, so these are taken. What they may not do on the strength of that
alone is have us dial: a REFER has to come from an address that is proved.
"""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.authentication import Authenticator
from sipwright.services.ports import Directory, Locations
from sipwright.sip import ParseError, Reject
from sipwright.sip.headers import Via
from sipwright.stack import Incoming
from sipwright.transport.flow import parse_flow_key

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg

__all__ = ["Origin"]

_REFRESHES = ("INVITE", "UPDATE")


class Origin:
    """Compares addresses, and challenges those that are new."""

    __slots__ = ("_accounts", "_authenticator", "_clock", "_locations")

    def __init__(
        self, accounts: Directory, authenticator: Authenticator, locations: Locations,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._accounts = accounts
        self._authenticator = authenticator
        self._locations = locations
        self._clock = clock

    def is_right(self, call: Call, leg: Leg, incoming: Incoming) -> bool:
        """Return whether the request may be taken; if not, it has been challenged or refused."""
        flow, known = incoming.flow, leg.flow
        if not leg.is_phone or flow.protocol == "loop" or (flow is known and not leg.left):
            return True
        host, method = _sender(call, incoming), incoming.request.method
        is_here = host == leg.source or (known is not None and host == known.remote[0])
        if method in _REFRESHES and _is_at(incoming, host):
            if not is_here and known is not None:
                # From now on its address proves nothing, whatever becomes of this request.
                leg.left = leg.left or known.key
            return True
        if is_here and (method != "REFER" or not leg.left):
            return True
        account_id = leg.destination.account_id if isinstance(leg, Callee) else call.identity.account_id
        if account_id is None or self._is_registered_at(account_id, host):
            return True
        return self._authenticates(call, incoming, account_id)

    def _is_registered_at(self, account_id: int, host: str) -> bool:
        for target in self._locations.targets(account_id, self._clock()):
            if parse_flow_key(target.source).remote[0] == host:
                return True
        return False

    def _authenticates(self, call: Call, incoming: Incoming, account_id: int) -> bool:
        account = self._accounts.account_by_id(account_id)
        if account is None:
            call.ports.stack.pipeline.refuse(
                incoming, Reject(403, "Not From Your Phone", why="its account is gone")
            )
            return False
        try:
            asking = self._authenticator.authenticate(incoming, account.domain)
        except Reject as refusal:
            call.ports.stack.pipeline.refuse(incoming, refusal)
            return False
        if asking is not None and asking.user_id != account.user_id:
            why = f"{asking.username}@{asking.domain} speaks in a call of somebody else"
            call.ports.stack.pipeline.refuse(incoming, Reject(403, "Not A Call Of Yours", why=why))
            return False
        return asking is not None


def _sender(call: Call, incoming: Incoming) -> str:
    """Return the address that a request comes from: by another node, the one that this has noted (RFC 3261 §18.2.1).

    It may have come by two of them, as a call has gone on from the one that the other took for its owner.
    """
    is_peer, found = call.ports.stack.is_peer, incoming.flow.remote
    for text in incoming.request.headers.get_list("Via")[1:]:
        if not is_peer(found):
            break
        via = Via.parse(text)
        found = via.received or via.host, via.rport or via.port or 5060
    return found[0]


def _is_at(incoming: Incoming, host: str) -> bool:
    """Return whether a request names the address that it comes from as the new one of its sender."""
    try:
        contacts = incoming.request.contacts
    except ParseError:
        return False
    return any(contact.uri.is_sip and contact.uri.host.strip("[]") == host for contact in contacts)
