"""Which headers of a message cross from one leg of a call to the other.

A B2BUA ends one dialog and begins another (RFC 3261 §6): whatever describes the hop, the dialog or the
credentials of one side stays there, everything else is the two ends' own business and crosses untouched.
"""

from sipwright.sip import Message
from sipwright.sip.headers.collection import value_of

__all__ = [
    "SOURCE_HEADER",
    "SUPPORTED_EXTENSIONS",
    "explaining_headers",
    "relayed_headers",
    "relayed_lines",
    "unknown_extensions",
]

SOURCE_HEADER = "P-Sipwright-Source"
"""On the loop between two calls of this switch: the address that the message first came from."""

SUPPORTED_EXTENSIONS = frozenset(
    {"timer", "replaces", "norefersub", "histinfo", "privacy", "answermode", "early-session"}
)
"""Option tags that work from end to end because their headers cross (RFC 4028, 4488, ...)."""

_STAYS = frozenset(
    {
        # the hop
        "via", "route", "record-route", "max-forwards", "path", "proxy-require", "timestamp", "content-length",
        # the dialog
        "from", "to", "call-id", "cseq", "contact", "rack", "rseq",
        # the credentials of one side
        "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info",
        "proxy-authentication-info",
        # handled on their own
        "require", "supported", "unsupported", "content-type", "retry-after", SOURCE_HEADER.lower(),
    }
)  # fmt: skip


def relayed_lines(message: Message, *, trusted: bool = True) -> list[str]:
    """Return the header lines of `message` that the other leg is to see, those of one name together.

    An identity that an untrusted phone asserts about itself does not cross (RFC 3325 §5).
    """
    relayed: list[str] = []
    headers = message.headers
    index = headers.index()
    for key in index:
        if key in _STAYS or (key == "p-asserted-identity" and not trusted):
            continue
        for line in headers.lines_of(key):
            name, _, value = line.partition(":")
            # As it came, but for the folds and blanks that not everybody can read.
            is_plain = "\n" not in value and name[-1] not in " \t"
            relayed.append(line if is_plain else f"{name.rstrip()}: {value_of(line)}")
    for key in ("require", "supported"):
        if key in index:
            kept = [tag for tag in headers.get_list(key) if tag.lower() in SUPPORTED_EXTENSIONS]
            if kept:
                relayed.append(f"{key.capitalize()}: {', '.join(kept)}")
    return relayed


def relayed_headers(message: Message, *, trusted: bool = True) -> list[tuple[str, str]]:
    """Return the same as names and values."""
    return [(line.partition(":")[0], value_of(line)) for line in relayed_lines(message, trusted=trusted)]


_EXPLAINS = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "allow", "error-info", "min-se", "reason", "retry-after",
        "warning",
    }
)  # fmt: skip


def explaining_headers(response: Message) -> tuple[tuple[str, str], ...]:
    """Return the headers of a refusal that tell the caller why, or what would do (RFC 3261 §21.4, RFC 4028 §6)."""
    return tuple((name, value) for name, value in response.headers.items() if name.lower() in _EXPLAINS)


def unknown_extensions(message: Message) -> list[str]:
    """Return the option tags of `Require` that this switch cannot honour (RFC 3261 §8.2.2.3)."""
    if "require" not in message.headers.index():
        return []
    return [tag for tag in message.headers.get_list("require") if tag.lower() not in SUPPORTED_EXTENSIONS]
