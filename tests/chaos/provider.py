"""A provider: whoever calls through it has to say who he is (RFC 3261 §22)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipwright.sip import digest
from sipwright.stack import Incoming

from .line import Line
from .process import PASSWORD

if TYPE_CHECKING:
    from .load import Load

__all__ = ["USERNAME", "Provider"]

USERNAME = "trunk"
REALM = "provider.example"
_OF_THE_CALL = frozenset({"INVITE", "ACK", "BYE", "UPDATE", "PRACK"})


class Provider(Line):
    """A socket that challenges each new call, and for every other call also the requests inside of it.

    What others want of a provider in a call is not signed in the owner's name, so it is not asked for credentials.
    For every third call the credentials of the INVITE are stale once, which 0.1.0 took for a refusal. With status 0 it
    challenges nothing.
    """

    def __init__(self, load: Load, port: int, protocol: str, status: int) -> None:
        super().__init__(load, port, (), protocol, is_phone=False)
        self._status = status
        self._asked, self._answered = (
            ("WWW-Authenticate", "Authorization") if status == 401 else
            ("Proxy-Authenticate", "Proxy-Authorization")
        )  # fmt: skip
        self._challenged: set[str] = set()
        self._stale: set[str] = set()
        self._secret = digest.ha1(USERNAME, REALM, PASSWORD)

    def challenges(self, incoming: Incoming, number: int) -> bool:
        if not self._status:
            return False
        request = incoming.request
        is_new = request.to_tag is None
        if not is_new and (number % 2 or request.method not in _OF_THE_CALL):
            return False
        credentials = digest.find_credentials(request.headers.get_all(self._answered), REALM)
        if credentials is None:
            if is_new and request.call_id in self._challenged:
                self.ledger.fault("invite", f"#{number}", f"{request.call_id} came again without credentials")
            self._challenged.add(request.call_id)
            self._challenge(incoming, number)
            return True
        if not digest.verify(credentials, request.method, request.uri_text, self._secret):
            self.ledger.fault("provider", f"#{number}", f"{request.call_id}: wrong credentials")
        elif (
            is_new and not number % 3 and request.call_id not in self._stale and self.load.is_of_this_release
        ):
            self._stale.add(request.call_id)
            self._challenge(incoming, number, stale=True)
            return True
        return False

    def _challenge(self, incoming: Incoming, number: int, *, stale: bool = False) -> None:
        value = digest.challenge(REALM, f"nonce-{number}-{incoming.request.cseq.number}", stale=stale)
        incoming.respond(self._status, headers=((self._asked, value),))
        self.ledger.counts["challenges of a provider" + ", as stale" * stale] += 1
