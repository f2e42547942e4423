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
from math import inf

from sipwright.services.ports import ProviderView
from sipwright.sip import Request, Response, Uri
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.grammar import parse_seconds
from sipwright.stack import learn_challenge, sign_request

from .absences import Absences
from .answers import UNANSWERED, granted_expiry, left_over, retry_seconds, why_refused
from .held import Held, State
from .provider import Place
from .redirects import Redirects, is_of
from .timing import LEASE, LONGEST, REFUSALS, renewal_after, retry_after

__all__ = ["Registration"]

_LONGEST_REASON = 120

_WRONG = {401: "Wrong Password", 407: "Wrong Password", 403: "Refused", 404: "Unknown User", 410: "Unknown User",
          604: "Unknown User"}  # fmt: skip
"""What a refusal says: no other answer is to be expected while nothing is changed here."""

TRUSTED_FOR = 60.0
"""Seconds after a REGISTER in which nobody doubts what it has brought about."""

_REFUSED = (401, 403, 407)
"""After these nothing goes along in advance: some say 403 to a nonce that they do not know any more."""


class Registration(Held):
    """A registration that is asked for: what is sent for it, and what is made of the answers."""

    __slots__ = (
        "_absences",
        "_asked_contact",
        "_auth",
        "_has_changed",
        "_is_longer",
        "_left_over",
        "_may_take_back",
        "_redirects",
        "_request",
        "_rounds",
        "_sent_at",
        "_tag",
    )

    def __init__(
        self, provider: ProviderView, place: Place, trouble: str | None, call_id: str, tag: str, now: float
    ) -> None:
        super().__init__(provider, place, trouble, call_id, now)
        self._tag = tag
        self._asked_contact = ""
        self._sent_at = now
        self._is_longer = self._has_changed = False
        self._left_over: tuple[str, ...] = ()
        self._may_take_back = True
        self._absences = Absences()
        self._auth = ClientAuth()
        self._rounds = 0
        self._request: Request | None = None
        self._redirects = Redirects()

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
        return bool(self.failures) and self.reason in UNANSWERED and not self.is_under_way

    def is_doubtful(self, now: float) -> bool:
        """Whether a registration that holds may be gone at the provider: it has not said lately that it holds."""
        return self.holds(now) and not self.is_under_way and now >= self._sent_at + TRUSTED_FOR

    # --- requests ------------------------------------------------------------------------------------

    def change(self, now: float) -> None:
        """Let the next attempt begin now, or right after the one that is under way: what it depends on has changed."""
        self.failures = self.refusals = 0
        self._absences.forget()
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
            headers += [("Contact", f"{one};expires=0") for one in self._left_over if one != self.contact]
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
        stranger = None if may_sign or target is None else target.host
        reason = why_refused(response, trouble, stranger, was_signed=bool(self._rounds))
        if not response.local:
            self.service_route = None  # what is refused anew holds no more (RFC 3608 §6.1)
        if self._left_over and not response.local:
            # It may be that it takes one Contact and no more.
            self._left_over, self._may_take_back = (), False
        is_refused = not response.local and response.status in _WRONG and may_sign
        self.failed(response.status, reason, now, chance, retry_seconds(response))
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
        """Take note that the DNS says that the provider's name does not exist; `found_at` it has found another one."""
        if self._absences.is_believed(now, found_at):
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
        self.failures = self.refusals = 0
        self._absences.forget()
        self._has_worked = True
        self.contact = self._asked_contact
        # The registrar may have counted from the first copy of the request.
        self.expires_at = self.lease_until = self._sent_at + granted
        self.due = max(self._sent_at + renewal_after(granted), now)
        before, self._left_over = self._left_over, self._to_take_back(response)
        if self._left_over and not before:
            self.due = now  # once: a registrar may keep what it was told to remove, or list others

    def _to_take_back(self, response: Response) -> tuple[str, ...]:
        return left_over(response, self.contact) if self.contact and self._may_take_back else ()

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
