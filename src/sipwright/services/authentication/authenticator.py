"""Who sent this request?  Digest with one challenge per answer (RFC 3261 §22.2), for any method.

From outside an unknown user and a wrong password look the same: both cost the same hashes and get the same
401.  Only the log tells them apart.  Of requests that fail it is remembered how many there were, from where and
for whom (`guesses.py`), and of a nonce that it had a wrong answer: it dies of the second one.

A datagram may say that it comes from anywhere.  A failure is that of its source only if the nonce was given to the same
address or a connection brought it: else nobody's address gets into the log, where a ban may follow.
"""

from collections.abc import Callable

from sipwright.errors import UserError
from sipwright.memo import Bounded
from sipwright.services.authentication.failure_log import FailureLog
from sipwright.services.authentication.guesses import FlowKeys, Guesses, Sender
from sipwright.services.ports import AccountView, Clock, Directory
from sipwright.services.refusals import account_disabled, password_lost
from sipwright.sip import Credentials, ParseError, Reject, Request, Uri
from sipwright.sip.digest import (
    ALGORITHMS,
    MalformedCount,
    UnsupportedQop,
    challenge,
    find_credentials,
    ha1,
    is_right,
    nonce_count,
    verify,
)
from sipwright.sip.headers.auth import Answer
from sipwright.sip.nonces import NonceKeeper, Verdict
from sipwright.sip.telephone import dialled_uri
from sipwright.stack import Incoming
from sipwright.steady_clock import SteadyClock

__all__ = ["NOT_CHECKED", "Authenticator"]

NOT_CHECKED = "not checked after too many failures"
"""Why credentials were refused that nobody has looked at."""


ELSEWHERE = 2.0
"""Seconds for which the answer to a challenge of another node is taken, as phones may go on elsewhere at any time.

For so long somebody who has heard it may say it again at one more node, but for an INVITE, which is never taken so. A
phone that goes on to use that nonce is asked anew, which no person notices.
"""


def _to_nobody(incoming: Incoming, node: str) -> bool:
    """Hand nothing over: there is one node alone."""
    return False


# What a request without its transaction may be that is said once more.
_MAYBE_REPEATED = (Verdict.REPEATED, Verdict.UNKNOWN)

# What stands in for the secret of a user who does not exist.  That a right answer to it can be made does not
# matter: there is no account it would lead to.
_NOBODY = {algorithm: ha1("", "", "", algorithm) for algorithm in ALGORITHMS}


class Authenticator:
    """Challenges requests and judges the answers; the realm is the domain of the account."""

    def __init__(
        self,
        directory: Directory,
        nonces: NonceKeeper,
        *,
        unix_time: Clock | None = None,
        flow_keys: FlowKeys | None = None,
    ) -> None:
        self.guesses = Guesses(nonces, flow_keys)
        self._directory = directory
        self._nonces = nonces
        # One that nobody can set: a nonce from the future would be stale until its time had come.
        self._unix_time = unix_time or SteadyClock()
        nonces.begin(self._unix_time())
        self.failures = FailureLog()
        self.hand_over: Callable[[Incoming, str], bool] = _to_nobody
        """Hands an INVITE over to the node that has challenged it; False if that cannot be done, or it is another
        request."""
        self._asked_anew: Bounded[tuple[str, str], tuple[int, int]] = Bounded()
        """By Call-ID and From tag: the CSeq number of the last text with a right answer that was challenged once more,
        and the number under which that text was said first."""

    def first_cseq(self, request: Request) -> int:
        """Return the CSeq number under which a text was said first, if it only answers a second challenge now.

        Where its sender goes on from one process to another it is challenged once more, and is a new request then (RFC
        3261 §22.2), though the first one may have delivered it.
        """
        cseq = request.cseq.number
        known = self._asked_anew and self._asked_anew.get((request.call_id, request.from_tag or ""))
        if not known:
            return cseq
        before, first = known
        return first if cseq == before + 1 else cseq

    def authenticate(
        self,
        incoming: Incoming,
        domain: str,
        may_repeat: Callable[[Incoming, AccountView], bool] | None = None,
    ) -> AccountView | None:
        """Return the account whose credentials a request carries; None when it was answered here.

        Args:
            incoming: The request.
            domain: The canonical name of the domain that the sender claims to belong to.
            may_repeat: Asked when the credentials are those that came last, once more, as those of a repeated and
                those of a replayed request are, or may be, as another process got them: whether it can do no harm.

        Raises:
            Reject: The account may not be used, which only its owner learns, or its password cannot be decrypted.
        """
        request = incoming.request
        credentials = None
        if "authorization" in request.headers.index():
            credentials = find_credentials(request.headers.get_all("Authorization"), domain)
        if credentials is None:
            self._challenge(incoming, domain, request.from_uri.user or "", is_stale=False)
            return None
        username = credentials.params.get("username", "")
        account = self._directory.account(username, domain)
        nonce = credentials.params.get("nonce", "")
        issuer = self._nonces.issuer_of(nonce)
        if issuer is None:
            # If it is made up, an answer that was looked at would be a guess that nobody counts.
            self._challenge(incoming, domain, username, is_stale=True)
            return None
        if self._nonces.is_worn(nonce) or not self.guesses.are_checked(incoming, account, nonce):
            self._pass_over(incoming, domain, username, account, nonce)
            return None
        try:
            count = nonce_count(credentials)
            is_right = self._is_right(credentials, request.method, request.uri_text, account, domain)
        except (MalformedCount, UnsupportedQop) as error:
            raise Reject(400, f"Digest {error}") from None
        except UserError:
            assert account is not None
            raise password_lost(account) from None
        if not is_right:
            self._refuse(incoming, domain, account, credentials)
            return None
        verdict = self._verdict(incoming, credentials, count, issuer)
        if verdict is None:
            return None
        is_harmless = verdict is Verdict.OK or (
            verdict in _MAYBE_REPEATED
            and may_repeat is not None
            and account is not None
            and may_repeat(incoming, account)
        )
        if not is_harmless:
            self._ask_anew(incoming, domain, username)
            return None
        if account is not None and not account.is_enabled:
            raise account_disabled(account)
        if account is not None:
            self.guesses.proved(incoming, account)
        incoming.flow.vouch()
        return account

    def _refuse(
        self, incoming: Incoming, domain: str, account: AccountView | None, credentials: Credentials
    ) -> None:
        """Answer credentials that are wrong, and count them."""
        username, nonce = credentials.params.get("username", ""), credentials.params.get("nonce", "")
        self._challenge(incoming, domain, username, is_stale=False)
        # After the answer: how long finding the reason takes tells the peer nothing.
        self._nonces.wear(nonce)
        has_proven_source = self._has_proven_source(incoming, nonce)
        self.guesses.failed(incoming, account, is_of_source=has_proven_source)
        if has_proven_source and self._nonces.is_fresh(nonce, self._unix_time()):
            why = self._why_wrong(credentials, incoming.request, account)
            self.failures.failed(incoming, username, domain, why, account)

    def _verdict(
        self, incoming: Incoming, credentials: Credentials, count: int | None, issuer: str
    ) -> Verdict | None:
        """Judge the nonce of an answer that was right; None if it went to the process that has issued that.

        Only that one knows whether it has come before, and the digest says nothing of Contact, Call-ID and CSeq.
        """
        nonces, now = self._nonces, self._unix_time()
        nonce = credentials.params["nonce"]
        is_new = incoming.request.method != "INVITE" and abs(nonces.age(nonce, now)) <= ELSEWHERE
        if issuer == nonces.issuer or is_new:
            return nonces.use(nonce, count, now, credentials.params["response"])
        if self.hand_over(incoming, issuer):
            return None
        return Verdict.UNKNOWN if nonces.is_fresh(nonce, now) else Verdict.STALE

    def _ask_anew(self, incoming: Incoming, domain: str, username: str) -> None:
        """Challenge once more who knows the password: he answers again, and asks no person (RFC 7616 §3.3).

        Whether a text has been delivered by another process, the nonce does not say: also what comes behind the next
        one by its nonce-count may be a repetition.
        """
        request = incoming.request
        if request.method == "MESSAGE":
            known = request.cseq.number, self.first_cseq(request)
            self._asked_anew.keep((request.call_id, request.from_tag or ""), known)
        self._challenge(incoming, domain, username, is_stale=True)

    def _pass_over(
        self, incoming: Incoming, domain: str, username: str, account: AccountView | None, nonce: str
    ) -> None:
        """Answer credentials that nobody looks at, as too many were wrong."""
        has_proven_source = self._has_proven_source(incoming, nonce)
        # A phone that has moved since shows with another nonce that it is where it says.
        is_stale = not (has_proven_source or self._nonces.is_worn(nonce))
        self._challenge(incoming, domain, username, is_stale=is_stale)
        if has_proven_source and self._nonces.is_fresh(nonce, self._unix_time()):
            self.failures.failed(incoming, username, domain, NOT_CHECKED, account)

    def accepts(
        self, sender: Sender, answer: Answer, account: AccountView | None, method: str, uri_text: str, domain: str
    ) -> bool:  # fmt: skip
        """Return whether nothing is to be said against credentials; their nonce is used up then.

        If there is, nothing has changed: `authenticate` finds out what, and what is to be done about it. An unknown
        user costs the same as a wrong password here too.
        """
        nonces, nonce = self._nonces, answer[2]
        if (
            nonces.issuer_of(nonce) != nonces.issuer
            or (nonces.worn and nonces.is_worn(nonce))
            or not self.guesses.are_checked(sender, account, nonce)
        ):
            return False
        try:
            if account is None:
                algorithm = self._directory.digest_algorithm(domain)
                is_right(answer, method, _NOBODY[algorithm], algorithm)
                return False
            algorithm = account.algorithm
            if not is_right(answer, method, account.ha1[algorithm], algorithm) or not account.is_enabled:
                return False
        except UserError:
            return False
        _, _, _, uri, response, _, _, nc, _ = answer
        if uri != uri_text and not self._is_for(uri, uri_text):
            return False
        count = None if answer[6] is None else int(nc or "0", 16)
        if nonces.use(nonce, count, self._unix_time(), response) is not Verdict.OK:
            return False
        if not sender.flow.is_known:
            self.guesses.proved(sender, account)
            sender.flow.vouch()
        return True

    def challenge_to(self, sender: Sender, domain: str, username: str, *, is_stale: bool = False) -> str:
        """Return the value of WWW-Authenticate for somebody who claims to be a user of a domain."""
        account = self._directory.account(username, domain)
        algorithm = self._directory.digest_algorithm(domain) if account is None else account.algorithm
        nonce = self._nonces.issue(self._unix_time(), sender.flow.remote[0])
        return challenge(domain, nonce, algorithm, stale=is_stale)

    def _has_proven_source(self, incoming: Incoming, nonce: str) -> bool:
        """Return whether the sender is where the packet says: there it has heard us before."""
        return incoming.flow.is_reliable or self._nonces.is_of(nonce, incoming.source[0])

    def _is_right(
        self, credentials: Credentials, method: str, uri_text: str, account: AccountView | None, domain: str
    ) -> bool:
        if account is None:
            algorithm = self._directory.digest_algorithm(domain)
            secret = _NOBODY[algorithm]
        else:
            algorithm = account.algorithm
            secret = account.ha1[algorithm]
        is_right = verify(credentials, method, None, secret, algorithm)
        return is_right and account is not None and self._is_for(credentials.params["uri"], uri_text)

    def _why_wrong(self, credentials: Credentials, request: Request, account: AccountView | None) -> str:
        """Say for the log, and for nobody else, what was wrong with credentials."""
        if account is None:
            return "unknown user"
        if (credentials.params.get("algorithm") or account.algorithm).upper() != account.algorithm:
            return "algorithm was not offered"
        if not self._is_for(credentials.params.get("uri", ""), request.uri_text):
            return "made for another address"
        return "wrong password"

    def _is_for(self, uri_text: str, request_uri: str) -> bool:
        """Return whether a digest was made for this request, or at least for us (RFC 8760 §2.6 (6)).

        A request for a number goes on as the SIP URI that it stands for, which its sender does not know.
        """
        if uri_text == request_uri:
            return True
        try:
            uri = Uri.parse(uri_text)
            if not uri.is_sip:
                asked = Uri.parse(request_uri)
                return dialled_uri(uri, asked.host, asked.user or "") == asked
        except ParseError:
            return False
        return self._directory.served_domain(uri.host, uri.port) is not None

    def _challenge(self, incoming: Incoming, domain: str, username: str, *, is_stale: bool) -> None:
        value = self.challenge_to(incoming, domain, username, is_stale=is_stale)
        incoming.reply_statelessly(401, headers=[("WWW-Authenticate", value)])
