"""The nonces of a server (RFC 7616 §3.3): issued without memory, remembered when they are used.

A nonce has to be ours (`NonceKeeper.issuer_of`) before it is judged; what is made with it is in `digest.py`.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from enum import Enum

from sipwright import native
from sipwright.memo import Bounded

__all__ = ["NonceKeeper", "Verdict"]

_ANSWER_BITS = 64
_MOST_WRONG = 2


class Verdict(Enum):
    """What a nonce is worth.

    `REPEATED` is the last answer that was given to this nonce, once more. A request without its transaction may be
    repeated like that, and so may a captured one be replayed: nothing may change because of it. The digest covers
    method and URI and no other header, so that the answer is the same does not even say that the request is.

    `UNKNOWN` is one that is not old, of which only another process could say whether it was used: it may be that
    same answer once more, or anything else.
    """

    OK = "ok"
    REPEATED = "repeated"
    UNKNOWN = "unknown"
    STALE = "stale"
    REPLAYED = "replayed"


class NonceKeeper:
    """Issues nonces that need no memory until they are used, and knows which were used.

    A nonce is its time of issue and a keyed BLAKE2 hash of it (RFC 7693 §2.9), so every node and every later
    process with the same secret knows it for one of ours.  A used one is remembered with its highest nonce-count
    and the beginning of the answer that had it (in one number: there may be a hundred thousand), in two generations:
    when the younger is full or a lifetime old, the older is forgotten.  Whatever was forgotten counts as stale,
    never as unused: a replay cannot get in through a table that ran over, nor through one that ended with its process.

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
        self._key = hashlib.sha256(secret).digest()
        self._mac = hashlib.blake2s(key=self._key, digest_size=(self._LENGTH - self._STAMP) // 2)
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
        self._forgotten_until = self._others_until = 0

    def __len__(self) -> int:
        """Count the nonces that are remembered as used."""
        return len(self._young) + len(self._old)

    def begin(self, now_unix: float) -> None:
        """Take nothing from before for unused: which of those nonces were, only the process knew that issued them."""
        self._others_until = int(now_unix * 1e6) - 1
        self._forgotten_until = max(self._forgotten_until, self._others_until)

    def issue(self, now_unix: float, holder: str | None = None) -> str:
        """Return a fresh nonce, different from all others that this keeper has issued, for a holder such as a host."""
        # Two phones challenged in the same microsecond must not share one nonce-count.
        self._last_issued = max(int(now_unix * 1e6), self._last_issued + 1)
        stamp = f"{self._last_issued:014x}"
        if holder is None:
            return stamp + self._sign(stamp)
        sign = native.sign_nonce
        if sign is not None and (found := sign(self._key, stamp, self._mark, holder)) is not None:
            return found
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
        if abs(now - issued) > self._lifetime:
            return Verdict.STALE
        if issued <= self._forgotten_until:
            return Verdict.UNKNOWN if issued <= self._others_until else Verdict.STALE
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
        look = native.is_nonce
        if look is not None and (found := look(self._key, nonce, mark)) is not None:
            return found
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
