"""The client's side of challenges: what servers have asked for, and what goes along because of it (RFC 3261 §22).

::

    request, signed with what is known
        |<--------------------------------------------------+
        +--- 401, 407: `learn`: is anything in it new? -----+ yes: once more, signed with that too
        |                                | no, or MOST_ROUNDS of them
        |                                v
        |                         the refusal is the answer
        +--- 2xx with Authentication-Info: `take` the next nonce (RFC 7616 §3.5)

Whose the credentials are is for the caller to say; `digest.py` computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sipwright.sip.digest import Offer, read_offers, respond
from sipwright.sip.errors import ParseError
from sipwright.sip.headers.auth import Challenge, Credentials
from sipwright.sip.message import Request, Response

__all__ = ["CHALLENGES", "MOST_ROUNDS", "ClientAuth", "ProtectionSpace"]

MOST_ROUNDS = 4
"""How often one request is sent again because it was challenged."""

MOST_SPACES = 4
"""How many realms one request may have credentials for."""

CHALLENGES = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))
"""The headers that challenge, each with the one that answers it; a forking proxy may send both kinds (§22.3)."""

_INFOS = (
    ("Authentication-Info", "Authorization"),
    ("Proxy-Authentication-Info", "Proxy-Authorization"),
)

Ha1For = Callable[[str, str], str | None]
"""Gives the HA1 for a realm and an algorithm, or None if there is none for that pair."""

Key = tuple[str, str]


@dataclass(eq=False, slots=True)
class ProtectionSpace:
    """What one server asked for last: the realm alone tells it from others (RFC 3261 §22.1).

    `count` is how many requests its nonce has been used for. Whoever shares it counts on, so that no two requests have
    the same nonce-count. `refusals` is how many fresh answers were refused without a reason (`stale`) in a row.
    """

    header: str
    algorithm: str
    params: dict[str, str]
    count: int = 0
    refusals: int = 0

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.header, self.params["realm"]

    def renew(self, nonce: str) -> None:
        """Go on with the nonce that the server wants next; a copy of its response changes nothing."""
        if nonce and nonce != self.params["nonce"]:
            self.params = {**self.params, "nonce": nonce}
            self.count = 0


class ClientAuth:
    """What a client knows of the challenges on one way: in a dialog, or to one server.

    The credentials of its last two INVITEs are kept, as their ACKs repeat them (§22.1).
    """

    __slots__ = ("_invites", "spaces")

    def __init__(self, spaces: Iterable[ProtectionSpace] = ()) -> None:
        self.spaces = list(spaces)
        self._invites: dict[int, list[tuple[str, str]]] = {}

    def learn(
        self, request: Request, response: Response, ha1_for: Ha1For, rounds: int, refusals: int = MOST_ROUNDS
    ) -> bool:
        """Take a challenge; True when the request is to be sent again, signed anew.

        A nonce that is refused again, without being called stale, means that the credentials are wrong (§22.1).

        Args:
            request: What was challenged.
            response: The 401 or 407.
            ha1_for: The secrets.
            rounds: How often this request was sent again already. What it carried at first, nobody had asked it for,
                so that a refusal of that says nothing about the password.
            refusals: How often a server that changes its nonce without calling the old one stale is believed.
        """
        if response.status not in (401, 407) or rounds >= MOST_ROUNDS:
            return False
        offers = _choose(response, ha1_for)
        tried = _tried(request) if rounds else {}
        known = {space.key: space for space in self.spaces}
        found = [
            space
            for key, offer in offers.items()
            if (space := _renewed(key, offer, known.get(key), tried.get(key), refusals)) is not None
        ]
        if not found:
            return False
        # What went along unasked is in doubt as a whole; later on the answers to a proxy and to a server go together.
        kept = [space for key, space in known.items() if rounds and key not in offers]
        self.spaces = [*found, *kept][:MOST_SPACES]
        return True

    def sign(self, request: Request, username: str, ha1_for: Ha1For, cnonce: str) -> None:
        """Add to a request the credentials for all that is known; the same INVITE is signed as it was."""
        number, method = request.cseq
        is_invite = method == "INVITE"
        lines = self._invites.get(number) if is_invite else None
        if lines is None:
            lines = list(self._credentials(request, username, ha1_for, cnonce))
            if is_invite:
                self._invites = {**dict(list(self._invites.items())[-1:]), number: lines}
        for name, value in lines:
            request.headers.add(name, value)

    def _credentials(
        self, request: Request, username: str, ha1_for: Ha1For, cnonce: str
    ) -> Iterable[tuple[str, str]]:
        for space in self.spaces:
            secret = ha1_for(space.params["realm"], space.algorithm)
            if secret is not None:
                space.count += 1
                yield (
                    space.header,
                    respond(
                        Offer(space.algorithm, space.params), request.method, request.uri_text, username, secret,
                        cnonce, space.count, request.body,
                    ),
                )  # fmt: skip

    def of_invite(self, number: int) -> list[tuple[str, str]]:
        """Return the credentials of the INVITE with that CSeq, which its ACK repeats just as they were (§22.1)."""
        return self._invites.get(number, [])

    def take(self, response: Response) -> None:
        """Take over the nonce that a successful response names for the next request (RFC 7616 §3.5).

        RFC 3261 §20.6 knows one header for it, so a proxy may use that of a server where it is the only one that asked.
        """
        for name, answered in _INFOS:
            value = response.headers.get(name)
            space = next((each for each in self.spaces if each.header == answered), None)
            if space is None and name == "Authentication-Info" and len(self.spaces) == 1:
                space = self.spaces[0]
            if value is not None and space is not None:
                try:
                    space.renew(Challenge.parse(f"Digest {value}").params.get("nextnonce", ""))
                except ParseError:
                    pass  # then the server says what it wants when it is asked next

    def to_state(self) -> dict[str, Any]:
        """Return what another process needs to go on, by name."""
        return {
            "spaces": [asdict(space) for space in self.spaces],
            "invites": [{"cseq": number, "credentials": lines} for number, lines in self._invites.items()],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ClientAuth:
        """Make it again."""
        auth = cls(ProtectionSpace(**space) for space in state["spaces"])
        auth._invites = {
            invite["cseq"]: [(name, value) for name, value in invite["credentials"]]
            for invite in state["invites"]
        }
        return auth


def _choose(response: Response, ha1_for: Ha1For) -> dict[Key, Offer]:
    """Return the strongest offer of each realm that we have credentials for."""
    chosen: dict[Key, Offer] = {}
    for asked, answered in CHALLENGES:
        for offer in read_offers(response.headers.get_all(asked)):
            key = answered, offer.params["realm"]
            if key not in chosen and ha1_for(key[1], offer.algorithm) is not None:
                chosen[key] = offer
    return chosen


def _tried(request: Request) -> dict[Key, str]:
    """Return the nonces that a request had answers to."""
    tried: dict[Key, str] = {}
    for _, answered in CHALLENGES:
        for value in request.headers.get_all(answered):
            params = Credentials.parse(value).params
            tried[answered, params["realm"]] = params["nonce"]
    return tried


def _renewed(
    key: Key, offer: Offer, known: ProtectionSpace | None, tried: str | None, most: int
) -> ProtectionSpace | None:
    """Return what to answer from now on; None when the same answer would only be refused once more."""
    nonce = offer.params["nonce"]
    count = known.count if known is not None and known.params["nonce"] == nonce else 0
    if tried is None or offer.params.get("stale", "").lower() == "true":
        return ProtectionSpace(key[0], offer.algorithm, offer.params, count)
    refusals = 1 + (0 if known is None else known.refusals)
    if tried == nonce or refusals > most:
        return None
    return ProtectionSpace(key[0], offer.algorithm, offer.params, count, refusals)
