"""One registration at a provider: which REGISTER is sent next, and what its answer means (RFC 3261 §10.2).

                 +-----------------------------------------+
                 |  401, 407: again, with an answer        |
                 |  423: again, with a longer expiry       |
                 |  3xx: again, where that leads           |
                 v                                         |
    due    +-------------+  2xx   +------------+           |
   ------->| REGISTERING |------->| REGISTERED |--- due ---+
           +-------------+        +------------+           |
                 |  anything else, timeout, no way there   |
                 v                                         |
           +-------------+                                 |
           |   FAILED    |------------ due ----------------+
           +-------------+
                 |  the third refusal, or a name that steadily does not exist
                 v
           +-------------+
           |   STOPPED   |  until its settings change
           +-------------+

A renewal that fails leaves it REGISTERED for as long as the provider was told. Nothing here waits, sends or looks at a
clock: `agent.py` does. Instants are monotonic; in the database they are unix time.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Any

from sipwright.services.ports import ProviderView
from sipwright.sip import NameAddr, ParseError, Request, Response, Uri, expires_of, uris_match
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.grammar import listed
from sipwright.sip.headers.contact import readable_contacts
from sipwright.sip.headers.numbers import parse_seconds
from sipwright.stack import learn_challenge, sign_request

from .provider import Place
from .redirects import Redirects, is_of
from .timing import ASKED, LEASE, LONGEST, REFUSALS, lease_end, renewal_after, retry_after

__all__ = ["Registration", "State", "granted_expiry", "read_service_route"]

SKIPPED_CSEQS = 100
"""How far the CSeq jumps after a restart: requests sent since the row was written last must have had lower ones."""

_LONGEST_REASON = 120
_LONGEST_ROUTE = 2048

_UNANSWERED = ("No Answer", "Cannot Be Reached")

_WRONG = {401: "Wrong Password", 407: "Wrong Password", 403: "Refused", 404: "Unknown User", 410: "Unknown User",
          604: "Unknown User"}  # fmt: skip
"""What a refusal says: no other answer is to be expected while nothing is changed here."""

_STEADILY, _ABSENCES = 3_600.0, 5
"""For how many seconds, and how often, the DNS has to say that a name does not exist before that is believed."""

_WORKED_LATELY = 600.0
"""Seconds for which the DNS counts as working after it has found another name."""

TRUSTED_FOR = 60.0
"""Seconds after a REGISTER in which nobody doubts what it has brought about."""

_REFUSED = (401, 403, 407)
"""After these nothing goes along in advance: some say 403 to a nonce that they do not know any more."""


class State(StrEnum):
    """How a registration stands, as it is stored and shown."""

    REGISTERING = "registering"
    REGISTERED = "registered"
    FAILED = "failed"
    STOPPED = "stopped"


class Registration:
    """What we hold at one provider, or try to.

    Attributes:
        place: Where; fixed, as is `call_id`. Another place is another registration.
        contact: What the provider has been told, while it holds that; `expires_at` says until when.
        address: The IP address of whoever has accepted it last, from where calls may come.
        service_route: Through which proxies our requests are to go there, as the values of a header (RFC 3608).
        trouble: Why nobody would take the calls that it brings.
        lease_until: Until when no other node may take it from us.
        due: When the next attempt is to begin.
        is_leaving: It is not wanted any more, and to be removed at the provider.
        owns_row: Its row is to go with it.
    """

    __slots__ = (
        "_absences",
        "_absent_since",
        "_asked_contact",
        "_auth",
        "_has_changed",
        "_has_worked",
        "_is_longer",
        "_redirects",
        "_request",
        "_rounds",
        "_sent_at",
        "_tag",
        "address",
        "asked",
        "call_id",
        "claimed_at",
        "contact",
        "cseq",
        "due",
        "expires_at",
        "failures",
        "is_leaving",
        "is_removing",
        "is_under_way",
        "lease_until",
        "owns_row",
        "place",
        "provider",
        "reason",
        "refusals",
        "service_route",
        "state",
        "status",
        "trouble",
    )

    def __init__(
        self,
        provider: ProviderView,
        place: Place,
        trouble: str | None,
        call_id: str,
        tag: str,
        now: float,
    ) -> None:
        self.provider = provider
        self.place = place
        self.trouble = trouble
        self.call_id = call_id
        self.cseq = 0
        self.contact: str | None = None
        self.address: str | None = None
        self.service_route: str | None = None
        self.state = State.REGISTERING
        self.expires_at: float | None = None
        self.status: int | None = None
        self.reason: str | None = None
        self.asked = ASKED
        self.failures = self.refusals = 0
        self.claimed_at = self.due = now
        self.lease_until = now + LEASE
        self.is_under_way = self.is_leaving = self.is_removing = False
        self.owns_row = True
        self._tag = tag
        self._asked_contact = ""
        self._sent_at = now
        self._is_longer = self._has_changed = False
        self._absent_since = now
        self._absences = 0
        self._has_worked = False
        self._auth = ClientAuth()
        self._rounds = 0
        self._request: Request | None = None
        self._redirects = Redirects()

    def restore(self, row: Any, now: float, unix_time: float) -> None:
        """Go on where a row of the table `registrations` says that an earlier process was.

        A registration that holds is not renewed before it is due, and one that was refused is not tried again sooner
        because we have been restarted.
        """
        if row.call_id is not None:
            self.call_id = row.call_id
            self.cseq = (row.cseq or 0) + SKIPPED_CSEQS
        self.status, self.reason, self.contact = row.status, row.reason, row.contact
        self.address = row.address
        offset = now - unix_time
        self.lease_until = offset + lease_end(row.state, row.expires_at, row.updated_at)
        if row.state == State.REGISTERED and row.expires_at is not None and row.expires_at > unix_time:
            self.state = State.REGISTERED
            self.expires_at = offset + row.expires_at
            self.service_route = row.service_route
            self._has_worked = True
            if row.status == 200:
                granted = max(row.expires_at - row.updated_at, 0.0)
                self.due = max(self.expires_at - (granted - renewal_after(granted)), now)
        elif row.state == State.STOPPED:
            # Its settings may have changed while nobody looked, so it is asked once more.
            self.state, self.refusals = State.STOPPED, REFUSALS - 1
        elif row.state == State.FAILED:
            self.state = State.FAILED
            if row.status in (403, 404):
                self.due = max(offset + row.updated_at + retry_after(1, row.status, None, 0.0), now)

    def row(self, node: str | None, now: float, unix_time: float) -> tuple[Any, ...]:
        """Return the row of the table `registrations`, with its columns in order."""
        expires_at = None if self.expires_at is None else self.expires_at - now + unix_time
        return (
            self.provider.id, node, str(self.state), self.contact, self.call_id, self.cseq, expires_at,
            self.status, self.reason, unix_time, self.address, self.service_route,
        )  # fmt: skip

    @property
    def user(self) -> str:
        """The user part of our Contact: it stays the same, whoever takes the calls."""
        return self.provider.contact_token

    def holds(self, now: float) -> bool:
        """Return whether the provider sends calls to our contact now."""
        return self.contact is not None and self.expires_at is not None and self.expires_at > now

    @property
    def is_redirected(self) -> bool:
        """Whether another registrar is asked than the provider's settings name."""
        return self._redirects.target is not None

    @property
    def next_hop(self) -> Uri:
        """The URI that says where the next request is sent."""
        return self.place.proxy or self._redirects.target or self.place.registrar

    @property
    def _may_sign(self) -> bool:
        """Whether what is made from our password may be told where the next request goes (RFC 3261 §22)."""
        target = self._redirects.target
        return target is None or is_of(self.provider, target.host)

    @property
    def is_unanswered(self) -> bool:
        """Whether the last attempt has found nobody, and no other one is under way."""
        return bool(self.failures) and self.reason in _UNANSWERED and not self.is_under_way

    def is_doubtful(self, now: float) -> bool:
        """Whether a registration that holds may be gone at the provider: it has not said lately that it holds."""
        return self.holds(now) and not self.is_under_way and now >= self._sent_at + TRUSTED_FOR

    # --- requests ------------------------------------------------------------------------------------

    def change(self, now: float) -> None:
        """Let the next attempt begin now, or right after the one that is under way: what it depends on has changed."""
        self.failures = self.refusals = self._absences = 0
        self._has_worked = False
        if self.state is State.STOPPED:
            self.state = State.FAILED
        self._auth = ClientAuth()
        self.due = now
        self._has_changed = self.is_under_way

    def begin(self, now: float = 0.0) -> None:
        """Begin an attempt: what the provider has accepted last goes along (RFC 3261 §22.3)."""
        self._redirects.begin(now)
        self.is_under_way = True
        self.is_removing = self.is_leaving
        self._is_longer = False
        self._rounds = 0

    def request(self, contact: str, now: float, token: Callable[[], str] = str) -> Request:
        """Return the next REGISTER, without a Via.

        Args:
            contact: Our address, as the provider can reach it; one that it knows from before is taken back.
            now: The present instant.
            token: Gives a cnonce, when one is needed.
        """
        self.cseq += 1
        self._sent_at = now
        place = self.place
        headers: list[tuple[str, str]] = []
        if self.is_removing:
            contact, asked = self.contact or contact, 0
        else:
            asked, self._asked_contact = self.asked, contact
            if self.contact != contact and self.contact is not None and self.holds(now):
                headers.append(("Contact", f"{self.contact};expires=0"))
        self._request = request = make_request(
            "REGISTER",
            str(self._redirects.target or place.registrar),
            from_=f"<{place.aor}>",
            to=f"<{place.aor}>",
            call_id=self.call_id,
            cseq=self.cseq,
            from_tag=self._tag,
            routes=() if place.proxy is None else (f"<{place.proxy}>",),
            contact=contact,
            headers=[*headers, ("Expires", str(asked))],
        )
        if self._may_sign:
            sign_request(self._auth, self.provider, request, token)
        return request

    def goes_elsewhere(self) -> bool:
        """Turn to the next way that a redirect has named, as no way leads to this one; False when there is none."""
        return self._redirects.go_on()

    # --- answers -------------------------------------------------------------------------------------

    def answered(self, response: Response, now: float, chance: float, trouble: str | None = None) -> bool:
        """Take a final response; True when another REGISTER is to follow at once, otherwise the attempt is over.

        `trouble` is why there is no connection, if more is known than that.
        """
        if response.is_success:
            self._auth.take(response)
            self._succeeded(response, now, chance)
            self._end(now)
            return False
        rule = None if response.local else self.RULES.get(response.status)
        if rule is not None and rule(self, response):
            return True
        is_redirect = 300 <= response.status < 400
        target, may_sign = self._redirects.target, self._may_sign
        if self._redirects.follow(response, now) if is_redirect else self._redirects.go_on():
            self._auth, self._rounds = ClientAuth(), 0  # it is another server that asks
            return True
        reason = response.reason
        if response.local:
            reason = trouble or _UNANSWERED[0 if response.status == 408 else 1]
        elif response.status in (401, 407) and not self._rounds:
            reason = "Challenge Cannot Be Answered"
        if response.status in (401, 407) and not may_sign and target is not None:
            reason = f"Redirected To {target.host}, Which Is Not The Provider's: No Password Is Sent There"
        elif is_redirect:
            reason = f"{response.reason}: Nowhere To Go"
        asked = parse_seconds(
            (response.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
        )
        if not response.local:
            self.service_route = None  # what is refused anew holds no more (RFC 3608 §6.1)
        is_refused = not response.local and response.status in _WRONG and may_sign
        self.failed(response.status, reason, now, chance, asked)
        if is_refused:
            self._refused(response.status, response.reason, now)
        return False

    def failed(
        self, status: int | None, reason: str, now: float, chance: float, asked: int | None = None
    ) -> None:
        """End an attempt without success; the next one is later each time."""
        self.status, self.reason = status, reason[:_LONGEST_REASON]
        self.failures += 1
        if status in _REFUSED:
            self._auth = ClientAuth()
        self.due = now + retry_after(self.failures, status, asked, chance)
        self._end(now)
        if self.holds(now):
            return
        self.state = State.FAILED
        self.contact = self.expires_at = self.address = self.service_route = None
        self.lease_until = now + LEASE

    def absent(self, now: float, found_at: float) -> None:
        """Take note that the DNS says that the provider's name does not exist.

        That is believed when it goes on for long, while the DNS finds other names: when our own network fails, some
        resolvers say the same of every name.

        Args:
            now: The present instant.
            found_at: When another name was last found.
        """
        if found_at < now - _WORKED_LATELY:
            self._absences = 0
            return
        if not self._absences:
            self._absent_since = now
        self._absences += 1
        if self._absences >= _ABSENCES and now - self._absent_since >= _STEADILY:
            self._stop(f"No Such Name: {self.next_hop.host[:60]}, while others are found; stopped")

    def _refused(self, status: int, reason: str, now: float) -> None:
        self.refusals += 1
        if self.refusals >= REFUSALS and not self.holds(now):
            self._stop(f"{_WRONG[status]}: {status} {reason[:50]}; stopped after {self.refusals} refusals")
        elif self._has_worked:
            # It is not likely that the password has changed: perhaps the provider has trouble of its own.
            self.due = max(self.due, now + retry_after(1, 403, None, 0.0))

    def _stop(self, why: str) -> None:
        """Ask nobody any more until the settings change."""
        self.state, self.reason, self.due = State.STOPPED, why[:_LONGEST_REASON], inf

    def _succeeded(self, response: Response, now: float, chance: float) -> None:
        if self.is_removing:
            self.contact = self.expires_at = self.address = self.service_route = None
            return
        granted = granted_expiry(response, self._asked_contact, self.asked)
        if granted == 0:
            self.failed(response.status, "Accepted Without A Binding", now, chance)
            return
        self.state = State.REGISTERED
        self.status, self.reason = 200, "OK"
        self.failures = self.refusals = self._absences = 0
        self._has_worked = True
        self.contact = self._asked_contact
        # The registrar may have counted from the first copy of the request.
        self.expires_at = self.lease_until = self._sent_at + granted
        self.due = max(self._sent_at + renewal_after(granted), now)

    def spread(self, most: float, chance: float) -> None:
        """Renew it up to so many seconds earlier, so that what has begun together is not renewed together for ever.

        That takes no more than a quarter of the time until then.
        """
        if self.state is State.REGISTERED and not self.failures and self._sent_at < self.due < inf:
            self.due -= chance * min(most, (self.due - self._sent_at) / 4)

    def _end(self, now: float) -> None:
        self.is_under_way = False
        if self._has_changed:
            self._has_changed = False
            self.due = now

    def _authenticate(self, response: Response) -> bool:
        """Meet the challenges of the registrar and of a proxy before it (RFC 3261 §22).

        This goes on by itself for ever, so a wrong password is not tried as often as in a call: whoever counts failures
        bans this switch, and all its users with it.
        """
        request, auth = self._request, self._auth
        if (
            request is None
            or not self._may_sign
            or not learn_challenge(auth, self.provider, request, response, self._rounds, 1)
        ):
            return False
        self._rounds += 1
        return True

    def _ask_for_longer(self, response: Response) -> bool:
        """Ask for what a registrar grants at least (RFC 3261 §10.2.8), from now on."""
        shortest = parse_seconds(response.headers.get("Min-Expires"))
        if self._is_longer or self.is_removing or shortest is None or not self.asked < shortest <= LONGEST:
            return False
        self.asked = shortest
        self._is_longer = True
        return True

    # What a status asks for; all others end the attempt.
    # fmt: off
    RULES: dict[int, Callable[[Registration, Response], bool]] = {
        401: _authenticate,
        407: _authenticate,
        423: _ask_for_longer,
    }
    # fmt: on


def granted_expiry(response: Response, contact: str, asked: int) -> int:
    """Return for how long a 200 says that our contact is bound (RFC 3261 §10.2.4).

    The registrar lists all contacts of the address-of-record. One behind a session border controller may write our
    address differently, so a contact that only has our user part will do; then the Expires header, then the only
    contact, which may be ours without even that; then what was asked. To be early costs a request, to be late calls.
    """
    contacts = readable_contacts(response.headers.get_all("Contact"))
    own = NameAddr.parse(contact).uri
    granted = _shortest(contacts, own)
    if granted is None:
        granted = response.expires
    if granted is None and len(contacts) == 1:
        granted = expires_of(contacts[0]) or None
    return min(asked if granted is None else granted, LONGEST)


def read_service_route(response: Response) -> list[NameAddr]:
    """Return the proxies that a 200 names for our requests, next hop first (RFC 3608 §5); none if they make no route.

    Each has to route loosely: in front of anything else a Request-URI would be lost.
    """
    lines = response.headers.get_all("Service-Route")
    if sum(map(len, lines)) > _LONGEST_ROUTE:
        return []
    try:
        route = [NameAddr.parse(text, "Service-Route") for text in listed(lines)]
    except ParseError:
        return []
    return route if all(hop.uri.is_sip and "lr" in hop.uri.params for hop in route) else []


def _shortest(contacts: list[NameAddr], own: Uri) -> int | None:
    """Return how long our contact is bound, or the one of those that are written differently which ends first."""
    same = [contact for contact in contacts if uris_match(contact.uri, own)]
    alike = same[:1] or [contact for contact in contacts if contact.uri.user == own.user]
    return min((expires for contact in alike if (expires := expires_of(contact)) is not None), default=None)
