"""Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760), both ends of it.

Server: `challenge` with a nonce of a `NonceKeeper`, then `verify` the answer, and only when that holds `use` its nonce,
which has to be ours (`is_ours`).  In this order only those who know a password can fill the table of used
nonces, and `stale=true` is said only to a client whose password was right (RFC 7616 §3.3).  Client: `read_offers` and
`respond`, or for one request `answer`; what a client remembers from one to the next is in `client_auth.py`.

The header values themselves are parsed in `headers/auth.py`.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from sipwright.memo import Bounded
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import quote
from sipwright.sip.headers.auth import Answer, Challenge, Credentials, split_challenges

__all__ = [
    "ALGORITHMS",
    "MalformedCount",
    "NonceKeeper",
    "Offer",
    "UnsupportedQop",
    "Verdict",
    "answer",
    "challenge",
    "find_credentials",
    "ha1",
    "is_right",
    "nonce_count",
    "read_offers",
    "respond",
    "verify",
]

Hash = Callable[[str], str]


def _short_md5() -> Callable[[bytes], Any]:
    """Return the MD5 that Python brings along, where it does: OpenSSL's takes three times as long for a short text."""
    try:
        found: Callable[[bytes], Any] = import_module("_md5").md5
    except ImportError:
        return partial(hashlib.md5, usedforsecurity=False)
    return found


_new_md5 = _short_md5()


def _md5(text: str) -> str:
    digest: str = _new_md5(text.encode("utf-8", "surrogateescape")).hexdigest()
    return digest


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sha512_256(text: str) -> str:
    return hashlib.new("sha512_256", text.encode("utf-8", "surrogateescape")).hexdigest()


_NEW: dict[str, Callable[[bytes], Any]] = {
    "MD5": _new_md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": partial(hashlib.new, "sha512_256"),
}

ALGORITHMS: dict[str, Hash] = {"MD5": _md5, "SHA-256": _sha256, "SHA-512-256": _sha512_256}
"""The hash of each algorithm, by its name on the wire; the weakest first."""

_SESSION = "-SESS"  # of an algorithm whose secret is made anew for each nonce (RFC 7616 §3.4.2)


class MalformedCount(ValueError):
    """The client counts the uses of a nonce in another way than with eight hexadecimal digits (RFC 7616 §3.4)."""


class UnsupportedQop(ValueError):
    """The client answered with a quality of protection that was not offered, such as auth-int."""


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """Return the hash that stands for a password, the only form in which one is stored."""
    return ALGORITHMS[algorithm](f"{username}:{realm}:{password}")


# --- the server -----------------------------------------------------------------------------------


_ANSWER_BITS = 64
_MOST_WRONG = 2


class Verdict(Enum):
    """What a nonce is worth.

    `REPEATED` is the last answer that was given to this nonce, once more. A request without its transaction may be
    repeated like that, and so may a captured one be replayed: nothing may change because of it. The digest covers
    method and URI and no other header, so that the answer is the same does not even say that the request is.
    """

    OK = "ok"
    REPEATED = "repeated"
    STALE = "stale"
    REPLAYED = "replayed"


class NonceKeeper:
    """Issues nonces that need no memory until they are used, and knows which were used.

    A nonce is its time of issue and a keyed BLAKE2 hash of it (RFC 7693 §2.9), so every node and every later
    process with the same secret accepts it.  A used one is remembered with its highest nonce-count and the
    beginning of the answer that had it (in one number: there may be a hundred thousand), in two generations:
    when the younger is full or a lifetime old, the older is forgotten.  Whatever was forgotten counts as stale,
    never as unused: a replay cannot get in through a table that ran over.

    The hash of a nonce that was given to somebody ends with another one, of whom.  A right answer is taken from
    anybody, since phones move (RFC 7616 §3.3 warns of refusing it); a wrong one proves who sent it only if it is of
    the same holder.

    Of several nodes each signs with its name as well, as none knows which nonces another one has seen used.
    """

    _STAMP = 14  # hexadecimal digits of a time in microseconds
    _LENGTH = 40
    _HELD = 30  # before what says whose it is

    def __init__(
        self, secret: bytes, lifetime: float = 300.0, capacity: int = 100_000, *, issuer: str = "",
        others: Callable[[], Iterable[str]] = tuple,
    ) -> None:  # fmt: skip
        """Make it; `issuer` is the name of this node, and `others` gives those of all other ones."""
        # Begun once, copied for each nonce.  A key may not be longer than 32 bytes.
        key = hashlib.sha256(secret).digest()
        self._mac = hashlib.blake2s(key=key, digest_size=(self._LENGTH - self._STAMP) // 2)
        self.issuer = issuer
        self._others = others
        self._mark = f" held {issuer}" if issuer else " held"
        self._lifetime = int(lifetime * 1e6)
        self._generation_size = max(1, capacity // 2)
        self._last_issued = 0
        self.worn: Bounded[str, int] = Bounded(capacity)
        """How many wrong answers a nonce has had, by its beginning."""
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._young_since = self._young_newest = self._old_newest = 0
        self._forgotten_until = 0

    def __len__(self) -> int:
        """Count the nonces that are remembered as used."""
        return len(self._young) + len(self._old)

    def issue(self, now_unix: float, holder: str | None = None) -> str:
        """Return a fresh nonce, different from all others that this keeper has issued, for a holder such as a host."""
        # Two phones challenged in the same microsecond must not share one nonce-count.
        self._last_issued = max(int(now_unix * 1e6), self._last_issued + 1)
        stamp = f"{self._last_issued:014x}"
        if holder is None:
            return stamp + self._sign(stamp)
        # As `_sign` does, which every registration would have to call twice.
        held, whose = self._mac.copy(), self._mac.copy()
        held.update(f"{stamp}{self._mark}".encode())
        whose.update(f"{stamp} {holder}".encode())
        return (
            stamp
            + held.hexdigest()[: self._HELD - self._STAMP]
            + whose.hexdigest()[: self._LENGTH - self._HELD]
        )

    def use(self, nonce: str, nc: int | None, now_unix: float, response: str = "") -> Verdict:
        """Judge the nonce of an answer whose digest was right, and remember that it was used; it has to be ours.

        Args:
            nonce: As the client sent it.
            nc: Its nonce-count, which must rise with each use; None if the client sent no qop (RFC 2069).
                Such a nonce is good for one request, because nothing else would stop a replay.
            now_unix: The time of day.
            response: The digest, which was right; without it a repetition cannot be told from a replay.
        """
        issued, now = int(nonce[: self._STAMP], 16), int(now_unix * 1e6)
        # Also for a nonce from the future: another node's clock may be ahead, but not by a lifetime.
        if abs(now - issued) > self._lifetime or issued <= self._forgotten_until:
            return Verdict.STALE
        used = self._young.get(issued) or self._old.get(issued, 0)
        count = 1 if nc is None else nc
        use = count << _ANSWER_BITS | int(response[:16] or "0", 16)
        if used and count <= used >> _ANSWER_BITS:
            return Verdict.REPEATED if response and use == used else Verdict.REPLAYED
        if count < 1:
            return Verdict.REPLAYED
        if len(self._young) >= self._generation_size or now - self._young_since > self._lifetime:
            self._make_room(issued, now)
        self._young[issued] = use
        if issued > self._young_newest:
            self._young_newest = issued
        return Verdict.OK

    def is_ours(self, nonce: str) -> bool:
        """Return whether a nonce was issued here or at another node, whenever and to whomever."""
        return self.issuer_of(nonce) is not None

    def issuer_of(self, nonce: str) -> str | None:
        """Return the name of the node that has issued a nonce, "" for one of which nobody knows; None if none has."""
        if len(nonce) != self._LENGTH or not nonce.isascii():
            return None
        if self._is_marked(nonce, self._mark):
            return self.issuer
        if self.issuer:
            for name in self._others():
                if self._is_marked(nonce, f" held {name}"):
                    return name
            if self._is_marked(nonce, " held"):  # by a version that did not say which
                return ""
        return "" if self._is_anybodys(nonce) else None

    def _is_marked(self, nonce: str, mark: str) -> bool:
        held = self._mac.copy()
        held.update(f"{nonce[: self._STAMP]}{mark}".encode())
        return hmac.compare_digest(
            nonce[self._STAMP : self._HELD], held.hexdigest()[: self._HELD - self._STAMP]
        )

    def age(self, nonce: str, now_unix: float) -> float:
        """Return for how many seconds there has been a nonce of ours; below 0 if the clock of its node is ahead."""
        return now_unix - int(nonce[: self._STAMP], 16) / 1e6

    def is_of(self, nonce: str, holder: str) -> bool:
        """Return whether a nonce of ours was issued to this holder, or to nobody in particular."""
        expected = self._sign(f"{nonce[: self._STAMP]} {holder}")[: self._LENGTH - self._HELD]
        return hmac.compare_digest(nonce[self._HELD :], expected) or self._is_anybodys(nonce)

    def is_fresh(self, nonce: str, now_unix: float) -> bool:
        """Return whether a nonce of ours has not expired, used or not."""
        return abs(int(now_unix * 1e6) - int(nonce[: self._STAMP], 16)) <= self._lifetime

    def wear(self, nonce: str) -> None:
        """Note a wrong answer to a nonce of ours."""
        nonce = nonce[: self._HELD]
        self.worn.keep(nonce, self.worn.get(nonce, 0) + 1)

    def is_worn(self, nonce: str) -> bool:
        """Return whether a nonce has died of two wrong answers; no more answers to it are looked at."""
        return self.worn.get(nonce[: self._HELD], 0) >= _MOST_WRONG

    def _is_anybodys(self, nonce: str) -> bool:
        return hmac.compare_digest(nonce[self._STAMP :], self._sign(nonce[: self._STAMP]))

    def _sign(self, stamp: str) -> str:
        signature = self._mac.copy()
        signature.update(stamp.encode())
        return signature.hexdigest()

    def _make_room(self, issued: int, now: int) -> None:
        """Forget the older generation, unless there is room in the younger one still."""
        if issued not in self._young or now - self._young_since > self._lifetime:
            self._forgotten_until = max(self._forgotten_until, self._old_newest)
            self._old, self._old_newest = self._young, self._young_newest
            self._young, self._young_newest, self._young_since = {}, 0, now


def challenge(
    realm: str, nonce: str, algorithm: str = "MD5", *, stale: bool = False, opaque: str | None = None
) -> str:
    """Return the value of a WWW-Authenticate or Proxy-Authenticate header."""
    value = f'Digest realm={quote(realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"'
    if stale:
        value += ", stale=true"
    if opaque is not None:
        value += f", opaque={quote(opaque)}"
    return value


def find_credentials(values: list[str], realm: str) -> Credentials | None:
    """Return the digest credentials for a realm among the Authorization headers of a request, if any."""
    for value in values:
        try:
            credentials = Credentials.parse(value)
        except ParseError:
            continue
        if credentials.params.get("realm") == realm and credentials.scheme.lower() == "digest":
            return credentials
    return None


def nonce_count(credentials: Credentials) -> int | None:
    """Return the nonce-count of credentials: None without a qop, 0 (used by nobody) if it is missing.

    Raises:
        MalformedCount: It is not eight hexadecimal digits.
    """
    if "qop" not in credentials.params:
        return None
    text = credentials.params.get("nc")
    if text is None:
        return 0
    # int() would take a sign, blanks, "0x" and "_" as well, so one count could be written in many ways.
    if len(text) == 8 and not text.strip("0123456789abcdefABCDEF"):
        return int(text, 16)
    raise MalformedCount(f"nc {text!a:.20} is not eight hexadecimal digits")


def verify(
    credentials: Credentials, method: str, uri_text: str | None, ha1_hex: str, algorithm: str = "MD5"
) -> bool:
    """Return whether the digest in these credentials was made by someone who knows the password.

    Args:
        credentials: What the client sent.
        method: The method of the request.
        uri_text: The Request-URI if the digest must be for exactly this one; None if the caller judges
            the uri parameter itself (RFC 8760 §2.6 (6): the two may rightly differ).
        ha1_hex: The stored hash, of this algorithm.
        algorithm: The one that was offered.  An answer that names another is refused; one that names none is
            taken to follow the offer, which cannot weaken it, since the stored hash is of that algorithm.

    Raises:
        UnsupportedQop: It answers with another qop than auth, the only one that is offered.
    """
    params = credentials.params
    named = params.get("algorithm")
    if named and named != algorithm and named.upper() != algorithm:
        return False
    try:
        nonce, uri, response = params["nonce"], params["uri"], params["response"]
    except KeyError:
        return False
    if uri_text is not None and uri != uri_text:
        return False
    hashed = ALGORITHMS[algorithm]
    qop = params.get("qop")
    if qop is None:
        middle = nonce
    elif qop.lower() == "auth":
        if "nc" not in params or "cnonce" not in params:
            return False
        middle = f"{nonce}:{params['nc']}:{params['cnonce']}:{qop}"
    else:
        raise UnsupportedQop(f"qop {qop!a:.20} was not offered, use auth")
    expected = hashed(f"{ha1_hex}:{middle}:{hashed(f'{method}:{uri}')}")
    return response.isascii() and hmac.compare_digest(expected, response)


def is_right(answer: Answer, method: str, ha1_hex: str, algorithm: str) -> bool:
    """Return what `verify` does, of credentials that were read in one pass: all ASCII, with a qop that was offered."""
    _, _, nonce, uri, response, named, qop, nc, cnonce = answer
    if named is not None and named != algorithm and named.upper() != algorithm:
        return False
    new = _NEW[algorithm]
    middle = nonce if qop is None else f"{nonce}:{nc}:{cnonce}:{qop}"
    ha2 = new(f"{method}:{uri}".encode()).hexdigest()
    return hmac.compare_digest(new(f"{ha1_hex}:{middle}:{ha2}".encode()).hexdigest(), response)


# --- the client -----------------------------------------------------------------------------------


def answer(
    challenge_values: list[str],
    method: str,
    uri: str,
    username: str,
    ha1_for: Callable[[str, str], str | None],
    cnonce: str,
    nc: int = 1,
    body: bytes = b"",
) -> str | None:
    """Return the Authorization value that answers the strongest of several challenges.

    Args:
        challenge_values: The WWW-Authenticate or Proxy-Authenticate values.  What cannot be understood among
            them is passed over (RFC 8760 §2.4).
        method: The method of the request that will carry the answer.
        uri: Its Request-URI.
        username: Whose credentials these are.
        ha1_for: Gives the HA1 for a realm and an algorithm, or None if there is none for that pair.
        cnonce: A random token of the client.
        nc: How many requests this nonce has been used for, with this one.
        body: What the request carries, for servers that want it protected.

    Returns:
        The header value, or None if no challenge can be answered.
    """
    for offer in read_offers(challenge_values):
        secret = ha1_for(offer.params["realm"], offer.algorithm)
        if secret is not None:
            return respond(offer, method, uri, username, secret, cnonce, nc, body)
    return None


class Offer(NamedTuple):
    """A challenge that can be answered: the hash of its algorithm in `ALGORITHMS`, and its parameters."""

    algorithm: str
    params: dict[str, str]


def read_offers(challenge_values: Iterable[str]) -> list[Offer]:
    """Return the challenges that can be answered, the strongest first and of equal ones the topmost (RFC 8760 §2.4)."""
    texts = [text for value in challenge_values for text in split_challenges(value)]
    offers = [offer for text in texts if (offer := _understand(text)) is not None]
    offers.sort(key=lambda offer: list(ALGORITHMS).index(offer.algorithm), reverse=True)
    return offers


def _understand(text: str) -> Offer | None:
    try:
        parsed = Challenge.parse(text)
    except ParseError:
        return None
    params = parsed.params
    algorithm = (params.get("algorithm") or "MD5").upper().removesuffix(_SESSION)
    if parsed.scheme.lower() != "digest" or algorithm not in ALGORITHMS or _qop(params) is None:
        return None
    if "realm" not in params or "nonce" not in params:
        return None
    return Offer(algorithm, params)


def _qop(params: dict[str, str]) -> str | None:
    """Return the quality of protection that is answered with: "" for none, None where only unknown ones are offered.

    A server of RFC 2069 offers none, or an empty list, and would not expect one in the answer (RFC 7616 §3.4). The body
    is protected only for those who want nothing else, as who changes it on the way would invalidate the answer.
    """
    offered = [qop.strip().lower() for qop in params.get("qop", "").split(",")]
    return next((qop for qop in ("auth", "auth-int", "") if qop in offered), None)


def respond(
    offer: Offer, method: str, uri: str, username: str, secret: str, cnonce: str, nc: int, body: bytes = b""
) -> str:
    """Return the Authorization value that answers a challenge; `secret` is the HA1."""
    algorithm, params = offer
    hashed = ALGORITHMS[algorithm]
    realm, nonce, qop = params["realm"], params["nonce"], _qop(params)
    is_session = params.get("algorithm", "").upper().endswith(_SESSION)
    if is_session:
        # The session key is that of the first answer to a nonce (RFC 7616 §3.4.2): one cnonce for as long as it lives.
        cnonce = hashed(f"{secret}:{nonce}:cnonce")[:16]
        secret = hashed(f"{secret}:{nonce}:{cnonce}")
    middle = f"{nonce}:{nc:08x}:{cnonce}:{qop}" if qop else nonce
    done = f"{method}:{uri}"
    if qop == "auth-int":
        done += ":" + hashed(body.decode("utf-8", "surrogateescape"))
    response = hashed(f"{secret}:{middle}:{hashed(done)}")
    value = (
        f"Digest username={quote(username)}, realm={quote(realm)}, nonce={quote(nonce)},"
        f' uri={quote(uri)}, response="{response}"'
    )
    if "algorithm" in params:
        value += f", algorithm={algorithm}{'-sess' if is_session else ''}"
    if qop:
        value += f", cnonce={quote(cnonce)}, qop={qop}, nc={nc:08x}"
    elif is_session:
        value += f", cnonce={quote(cnonce)}"
    if "opaque" in params:
        value += f", opaque={quote(params['opaque'])}"
    return value
