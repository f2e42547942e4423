"""The pipeline step for PUBLISH (RFC 3903): a phone says how its owner can be reached; those who watch are told."""

from __future__ import annotations

from functools import partial

from sipwright.services.ports import AccountView
from sipwright.services.refusals import store_away
from sipwright.sip import Reject, Request
from sipwright.stack import Incoming

from .notifier import Notifier
from .ports import NotifierPorts
from .presence import Presence, is_presence
from .subscribe import event_of, lifetime

__all__ = ["Publisher"]


class Publisher:
    """Takes what is published."""

    methods = ("PUBLISH",)

    def __init__(self, ports: NotifierPorts, notifier: Notifier, presence: Presence) -> None:
        self._ports = ports
        self._notifier = notifier
        self._presence = presence

    def __call__(self, incoming: Incoming) -> bool:
        """Take a PUBLISH."""
        request = incoming.request
        if request.method not in self.methods:
            return False
        if event_of(request)[0] != self._presence.event:
            why = (
                "only presence is published here; message lamps are set by a script, a command or a provider"
            )
            raise Reject(489, headers=(("Allow-Events", self._presence.event),), why=why)
        sender = self._notifier.sender(incoming)
        if sender is None:
            return True
        _ = incoming.transaction  # the nonce is used up, so a repetition has to be absorbed
        account = self._notifier.resource(request)
        if account.user_id != sender.user_id:
            raise Reject(403, "Not Yours", why="a phone publishes of accounts of its own owner alone")
        self._take(incoming, account, lifetime(request))
        return True

    def _take(self, incoming: Incoming, account: AccountView, seconds: int) -> None:
        request, presence = incoming.request, self._presence
        before = self._before(request, account)
        known = None if before is None else presence.known(account.id, before)
        if request.body:
            _refuse_other_bodies(request)
        elif known is None and seconds:
            raise Reject(400, "A Body Is Needed", why="what is published first needs a body (RFC 3903 §4.1)")
        if before is None and not presence.has_room_for(account.id):
            raise Reject(
                503, "Too Many Publications", (("Retry-After", "600"),), why="too much is published of it"
            )
        if self._ports.writer.is_away:
            raise store_away()
        tag = self._ports.token()
        body = request.body or (b"" if known is None else known.body)
        accept = partial(self._accept, incoming, account.id, tag, seconds)
        presence.put(account.id, before, tag, body, seconds, accept)

    def _before(self, request: Request, account: AccountView) -> str | None:
        """Return the entity tag of what is to be changed (RFC 3903 §6 step 4).

        Raises:
            Reject: There is nothing of that tag: 412; there are several: 400.
        """
        values = request.headers.get_all("sip-if-match")
        if not values:
            return None
        if len(values) > 1:
            raise Reject(400, "One SIP-If-Match", why="a PUBLISH changes one publication (RFC 3903 §6)")
        tag = values[0].strip()
        if self._presence.known(account.id, tag) is None:
            raise Reject(
                412, "Conditional Request Failed", why="it was published too long ago; the phone begins anew"
            )
        return tag

    def _accept(self, incoming: Incoming, account_id: int, tag: str, seconds: int) -> None:
        incoming.respond(200, headers=(("SIP-ETag", tag), ("Expires", str(seconds))))
        self._notifier.changed(self._presence.event, account_id)


def _refuse_other_bodies(request: Request) -> None:
    """Refuse what is no presence document.

    Raises:
        Reject: It is of another type: 415; it cannot be read: 400.
    """
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != Presence.content_type:
        raise Reject(415, headers=(("Accept", Presence.content_type),))
    if not is_presence(request.body):
        raise Reject(
            400, "Not A Presence Document", why="it names no entity, declares something, or is too long"
        )
