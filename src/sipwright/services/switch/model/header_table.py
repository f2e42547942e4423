"""Which headers cross from one leg of a call to the other, as tables: by who sends and who receives, and by status.

Whoever nobody knows gets no header across that is not listed; the phones of one owner may tell each other nearly
everything, and a trunk may tell nearly everything to everybody here, but nothing that makes a phone act. What an end
says about its own identity is believed of trunks and of other calls of this switch alone (RFC 3325 §5). A script may
set any header.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import NamedTuple

__all__ = [
    "ALLOW",
    "CALL_HEADER",
    "EXPLAINS",
    "EXTENSIONS",
    "IDENTITY",
    "OF_STATUS",
    "PASSAGES",
    "RELAYED",
    "SOURCE_HEADER",
    "TOLD",
    "TOLD_WITHOUT_TIMER",
    "VERIFICATION",
    "Party",
    "Passage",
    "Shown",
]

SOURCE_HEADER = "P-Sipwright-Source"
"""On the loop between two calls of this switch: the address that the message first came from."""

CALL_HEADER = "X-Sipwright-Call"
"""In what is sent on to somebody else: the id of the call, should it come back (`dialling/invite.py`)."""

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, INFO, UPDATE, MESSAGE, NOTIFY, REFER, SUBSCRIBE, REGISTER"
"""The methods that work here, wherever we say so."""

RELAYED = frozenset({"replaces", "join", "norefersub", "histinfo", "privacy", "answermode", "early-session"})
"""Option tags that may be required, and cross with their headers (RFC 3891, 3911, 4488, ...)."""

EXTENSIONS = RELAYED | {"timer", "100rel"}
"""Option tags that may be required: those, and what each leg does by itself (RFC 4028, RFC 3262)."""

TOLD, TOLD_WITHOUT_TIMER = "replaces, timer", "replaces"
"""What we say that we do ourselves (RFC 3891 §6.2, RFC 4028 §7.1)."""


class Party(IntEnum):
    """Who is at the other end of a leg: numbers, which make keys at no cost."""

    PHONE = auto()
    """A phone of the owner of the call."""
    SWITCH = auto()
    """Another call of this switch, of the same owner."""
    NEIGHBOUR = auto()
    """Another call of this switch, of another owner."""
    TRUNK = auto()
    """A provider of the owner."""
    SCRIPT = auto()
    """Nobody: what is sent was written by a dialplan, or here."""
    OUTSIDER = auto()
    """Anybody else."""


PHONE, SWITCH, NEIGHBOUR, TRUNK, SCRIPT, OUTSIDER = Party


class Shown(Enum):
    """When the other end is told the identity that a message asserts."""

    NEVER = auto()
    UNLESS_PRIVATE = auto()
    ALWAYS = auto()


class Passage(NamedTuple):
    """Which headers may cross: only those in `allowed`, where that is given, and none in `denied`."""

    allowed: frozenset[str] | None
    denied: frozenset[str]
    identity: Shown


# fmt: off
_OURS = frozenset({
    # the hop
    "via", "route", "record-route", "max-forwards", "path", "service-route", "proxy-require", "timestamp",
    "content-length", SOURCE_HEADER.lower(), CALL_HEADER.lower(),
    # the dialog
    "from", "to", "call-id", "cseq", "contact", "rack", "rseq",
    # the credentials of one side
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info",
    "proxy-authentication-info",
    # what we can do, and what we are asked to know
    "allow", "require", "supported", "p-preferred-identity", "session-expires", "min-se",
    # written with the body, or by the status
    "content-type", "min-expires", "retry-after", "unsupported",
})

IDENTITY = frozenset({"p-asserted-identity", "remote-party-id"})
VERIFICATION = frozenset({"identity", "p-attestation-indicator", "p-attestation", "attestation-info"})
"""Who signed for the number that calls, and how certain it is (RFC 8224, ATIS-1000074): of the INVITE alone that calls,
as `dialling/senders.py` says there whether its provider is believed."""

_CHARGING = frozenset({
    "p-access-network-info", "p-associated-uri", "p-called-party-id", "p-charging-function-addresses",
    "p-charging-vector", "p-dcs-billing-info", "p-dcs-laes", "p-dcs-osps", "p-dcs-redirect", "p-dcs-trace-party-id",
    "p-private-network-indication", "p-profile-key", "p-served-user", "p-user-database", "p-visited-network-id",
})
_ANSWERS_BY_ITSELF = frozenset({"x-auto-answer", "x-answer-mode"})
_MAKES_PHONES_ACT = _ANSWERS_BY_ITSELF | {
    "alert-info", "answer-mode", "call-info", "error-info", "p-auto-answer", "priv-answer-mode",
}
"""Answer by themselves, or fetch something: whoever calls by a provider may have written it (RFC 3261 §20.4, §20.9)."""

_FROM_ANYBODY = frozenset({
    # what can be talked about, and how
    "accept", "accept-encoding", "accept-language", "content-disposition", "content-encoding", "content-id",
    "content-language", "mime-version", "early-media",
    # who would rather be reached how
    "accept-contact", "reject-contact", "request-disposition", "priority", "privacy", "reply-to",
    # what is said along
    "date", "expires", "in-reply-to", "organization", "reason", "server", "session-id", "subject", "user-agent",
    "user-to-user", "warning",
    # events, and transfers with their permissions of their own
    "allow-events", "event", "subscription-state", "info-package", "recv-info", "join", "refer-sub", "refer-to",
    "referred-by", "replaces", "target-dialog",
})
_WHERE_IT_IS = frozenset({"geolocation", "geolocation-routing"})
"""The place of whoever calls (RFC 6442), which a provider needs to know of a call for help."""

_UNTRUSTED = _OURS | IDENTITY | _CHARGING

_LISTED = Passage(_FROM_ANYBODY, _UNTRUSTED | _ANSWERS_BY_ITSELF, Shown.NEVER)
_FAMILY = Passage(None, _UNTRUSTED, Shown.NEVER)
_OPEN = Passage(None, _OURS, Shown.ALWAYS)
_OPEN_TO_PHONE = Passage(None, _OURS | _CHARGING, Shown.UNLESS_PRIVATE)
_VOUCHED = Passage(_FROM_ANYBODY | IDENTITY, _OURS | _CHARGING | _ANSWERS_BY_ITSELF, Shown.ALWAYS)
_VOUCHED_TO_PHONE = _VOUCHED._replace(identity=Shown.UNLESS_PRIVATE)

PASSAGES: Mapping[tuple[Party, Party], Passage] = {
    # What is not listed here: from anybody to anybody.
    **{(sender, receiver): _LISTED for sender in Party for receiver in Party},
    **{(SCRIPT, receiver): _OPEN for receiver in Party},
    (PHONE, PHONE): _FAMILY,
    (PHONE, SWITCH): _FAMILY,
    (PHONE, TRUNK): _LISTED._replace(allowed=_FROM_ANYBODY | _WHERE_IT_IS),
    (NEIGHBOUR, PHONE): _VOUCHED_TO_PHONE,
    (NEIGHBOUR, SWITCH): _VOUCHED,
    (NEIGHBOUR, NEIGHBOUR): _VOUCHED,
    (NEIGHBOUR, TRUNK): _VOUCHED,
    (SWITCH, PHONE): _OPEN_TO_PHONE,
    (SWITCH, SWITCH): _OPEN,
    (SWITCH, NEIGHBOUR): _VOUCHED,
    (SWITCH, TRUNK): _OPEN,
    (TRUNK, PHONE): _OPEN_TO_PHONE._replace(denied=_OURS | _CHARGING | _MAKES_PHONES_ACT),
    (TRUNK, SWITCH): _OPEN._replace(denied=_OURS | _MAKES_PHONES_ACT),
    (TRUNK, NEIGHBOUR): _VOUCHED,
    (TRUNK, TRUNK): _OPEN,
}

EXPLAINS = frozenset({
    "accept", "accept-encoding", "accept-language", "allow-events", "error-info", "reason", "user-to-user", "warning",
})
"""Headers of a refusal that tell the caller why, or what would do (RFC 3261 §21.4)."""

OF_STATUS: Mapping[int, tuple[str, ...]] = {
    # A refusal may always say when it is worth another try (RFC 3261 §20.33); these must say what they are about.
    420: ("unsupported", "retry-after"),  # RFC 3261 §8.2.2.3
    421: ("require", "retry-after"),      # RFC 3261 §21.4.15
    423: ("min-expires", "retry-after"),  # RFC 3261 §21.4.17
}
# fmt: on
