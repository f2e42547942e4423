"""Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760), both ends of it.

Server: `challenge` with a nonce of `nonces.py`, then `verify` the answer, and only when that holds use its nonce. In
this order only those who know a password can fill the table of used nonces, and `stale=true` is said only to a client
whose password was right (RFC 7616 §3.3). Client: `read_offers` and `respond`, or for one request `answer`; what a
client remembers from one to the next is in `client_auth.py`.

The header values themselves are parsed in `headers/auth.py`.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from sipwright import native
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import quote
from sipwright.sip.headers.auth import Answer, Challenge, Credentials, split_challenges

__all__ = [
    "ALGORITHMS",
    "MalformedCount",
    "Offer",
    "UnsupportedQop",
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
    middle = nonce if qop is None else f"{nonce}:{nc}:{cnonce}:{qop}"
    if native.md5_response is not None and algorithm == "MD5":
        return hmac.compare_digest(native.md5_response(ha1_hex, middle, method, uri), response)
    new = _NEW[algorithm]
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
