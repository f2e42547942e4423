"""What crosses from one end of a call to the other: the lines of a header, and the body.

A B2BUA ends one dialog and begins another (RFC 3261 §6): whatever describes the hop, the dialog or the
credentials of one side stays there. Which of the others cross is said in `header_table.py`.

The switch never relays media. What it may do is replace a private address in an SDP, which the far end could
never reach, by the address that the message really came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sipwright.memo import Memo
from sipwright.sdp import is_private as is_private_address
from sipwright.sdp import is_sdp, refuse_streams, rewrite_body
from sipwright.sdp.rendezvous import has_tokens, place_sockets
from sipwright.sip import Message, Request, Response
from sipwright.sip.grammar import shown_line
from sipwright.sip.headers.collection import value_of
from sipwright.sip.headers.names import KEYS

from .header_table import (
    ALLOW,
    EXPLAINS,
    EXTENSIONS,
    IDENTITY,
    OF_STATUS,
    RELAYED,
    TOLD,
    VERIFICATION,
    Passage,
    Shown,
)

__all__ = [
    "REQUIRES",
    "VERSTAT",
    "SeenAt",
    "explaining_headers",
    "farewell_headers",
    "has_private_history",
    "is_private",
    "nowhere",
    "reasons_of",
    "refuse_offer",
    "relayed_body",
    "relayed_headers",
    "relayed_lines",
    "says_along",
    "unknown_extensions",
    "without_verification",
]

_TELLS_ABILITIES = frozenset({"INVITE", "UPDATE", "OPTIONS"})
_ASKS_THE_OTHER_END = frozenset({"INFO", "UPDATE", "MESSAGE", "SUBSCRIBE"})
_OF_BOTH_ENDS = ("norefersub", "join")
"""Extensions that work where both ends know them, as their headers cross."""

_ALWAYS_OF_A_REFUSAL = ("retry-after",)


def relayed_lines(message: Message, passage: Passage, told: str = TOLD) -> list[str]:
    """Return the header lines of `message` that the other leg is to see, those of one name together.

    `told` are the extensions that we support ourselves.
    """
    headers = message.headers
    index = headers.index()
    relayed = _passing(message, passage)
    if not index.keys().isdisjoint(_CLAIMS) and not _begins_a_call(message):
        relayed = _unverified(relayed)
    status = message.status if isinstance(message, Response) else 0
    if status >= 300:
        for key in OF_STATUS.get(status, _ALWAYS_OF_A_REFUSAL):
            if key in index:
                relayed += _lines_of(message, key)
        if status == 405:
            relayed.append(f"Allow: {ALLOW}")
        return relayed
    if "require" in index:
        kept = [tag for tag in headers.get_list("require") if tag.lower() in RELAYED]
        if kept:
            relayed.append(f"Require: {', '.join(kept)}")
    if isinstance(message, Response):
        method = message.cseq.method if status >= 200 else ""
    else:
        assert isinstance(message, Request)
        method = message.method
    if method in _TELLS_ABILITIES:
        relayed.append(f"Supported: {_supported(message, told) if 'supported' in index else told}")
        relayed.append(f"Allow: {_ALLOWED[headers.get('allow') or ''] if 'allow' in index else ALLOW}")
    elif not method and "allow" in index:
        # Before the answer a caller knows by nothing else whether an UPDATE is taken (RFC 3311 §5.1).
        relayed.append(f"Allow: {_ALLOWED[headers.get('allow') or '']}")
    return relayed


def _passing(message: Message, passage: Passage) -> list[str]:
    allowed, denied, shown = passage
    lines: list[str] = []
    for key in message.headers.index():
        if key in denied or (allowed is not None and key not in allowed and key[:2] != "x-"):
            continue
        if shown is Shown.UNLESS_PRIVATE and key in _HIDDEN and _HIDDEN[key](message):
            continue
        lines += _lines_of(message, key)
    return lines


def relayed_headers(message: Message, passage: Passage, told: str = TOLD) -> list[tuple[str, str]]:
    """Return the same as names and values."""
    return [(line.partition(":")[0], value_of(line)) for line in relayed_lines(message, passage, told)]


def explaining_headers(response: Message, passage: Passage) -> tuple[tuple[str, str], ...]:
    """Return the headers of a refusal that tell the caller why, or what would do (RFC 3261 §21.4)."""
    status = response.status if isinstance(response, Response) else 0
    known = {*EXPLAINS, *OF_STATUS.get(status, _ALWAYS_OF_A_REFUSAL), *(("allow",) if status == 405 else ())}
    pairs = relayed_headers(response, passage)
    return tuple(pair for pair in pairs if pair[0].lower() in known or pair[0][:2].lower() == "x-")


def reasons_of(message: Message) -> tuple[tuple[str, str], ...]:
    """Return the Reason headers of a message; a CANCEL or BYE that follows from it has them too (RFC 3326 §2)."""
    if "reason" not in message.headers.index():
        return ()
    return tuple(("Reason", value) for value in message.headers.get_all("reason"))


def farewell_headers(bye: Request, passage: Passage | None = None) -> tuple[tuple[str, str], ...]:
    """Return what the other end is told with a BYE: what users say along (RFC 7433 §4), where `passage` lets it cross.

    Without a passage that of a BYE of ours, with its reasons, which is to be said again.
    """
    if passage is None:
        return tuple((name, value) for name, value in bye.headers.items() if _is_of_bye(name.lower()))
    pairs = relayed_headers(bye, passage)
    return tuple(pair for pair in pairs if _is_of_bye(pair[0].lower()) and pair[0].lower() != "reason")


def says_along(bye: Request) -> bool:
    """Return whether a BYE has anything for the other end, or says why: that of nearly every call has not."""
    index = bye.headers.index()
    return not index.keys().isdisjoint(_OF_BYE) or "\nx-" in "\n".join(("", *index))


_OF_BYE = frozenset({"reason", "user-to-user"})


def _is_of_bye(key: str) -> bool:
    return key in _OF_BYE or key[:2] == "x-"


REQUIRES = ("require", "proxy-require")


def unknown_extensions(message: Message, headers: tuple[str, ...] = REQUIRES) -> list[str]:
    """Return the option tags of Require and Proxy-Require that this switch cannot honour (RFC 3261 §8.2.2.3)."""
    index = message.headers.index()
    if index.keys().isdisjoint(headers):
        return []
    asked = [tag for name in headers for tag in message.headers.get_list(name)]
    return [tag for tag in asked if tag.lower() not in EXTENSIONS]


def is_private(message: Message) -> bool:
    """Return whether the identity that a message asserts is not for everybody (RFC 3323 §4.2, RFC 3325 §9.3)."""
    return _asks_for(message, ("id", "user", "header")) or _is_marked(message, "remote-party-id")


def has_private_history(message: Message) -> bool:
    """Return whether nobody is to see whom the call was for before, all or one of them (RFC 4244 §3.3, §4.3.3.1.1)."""
    marked = any("privacy=history" in value.lower() for value in message.headers.get_all("history-info"))
    return marked or _asks_for(message, ("history", "header", "session"))


def _has_private_diversion(message: Message) -> bool:
    """Return whether whoever has diverted the call does not want to be seen (RFC 5806)."""
    return has_private_history(message) or _is_marked(message, "diversion")


def _asks_for(message: Message, levels: tuple[str, ...]) -> bool:
    asked = ";".join(message.headers.get_all("privacy")).lower().replace(",", ";").split(";")
    return any(each.strip() in levels for each in asked)


def _is_marked(message: Message, name: str) -> bool:
    return any(
        param in value.lower().replace(" ", "").replace('"', "")
        for value in message.headers.get_all(name)
        for param in ("privacy=full", "privacy=name", "privacy=uri")
    )


_HIDDEN: Mapping[str, Callable[[Message], bool]] = {
    **dict.fromkeys(IDENTITY, is_private),
    "history-info": has_private_history,
    "diversion": _has_private_diversion,
}
"""What a phone is not shown, and when."""


_CLAIMS = VERIFICATION | IDENTITY


def _begins_a_call(message: Message) -> bool:
    return isinstance(message, Request) and message.method == "INVITE" and message.to_tag is None


def _unverified(lines: list[str]) -> list[str]:
    """Leave out that somebody has verified who calls."""
    kept = []
    for line in lines:
        key = KEYS[line.partition(":")[0]]
        if key not in VERIFICATION:
            kept.append(without_verification(line) if key in IDENTITY else line)
    return kept


VERSTAT = re.compile(r"(?i);verstat=([a-z-]{1,40})")


def without_verification(address: str) -> str:
    """Return an address without the claim that its number was verified."""
    return VERSTAT.sub("", address)


def _lines_of(message: Message, key: str) -> list[str]:
    """Return the lines of a header as they came, but for what not everybody can read, or nobody should be shown."""
    lines = []
    for line in message.headers.lines_of(key):
        name, _, value = line.partition(":")
        is_plain = "\n" not in value and name[-1] not in " \t"
        lines.append(shown_line(line if is_plain else f"{name.rstrip()}: {value_of(line)}"))
    return lines


def _supported(message: Message, told: str) -> str:
    """Write what we do ourselves, and what needs both ends if this one knows it."""
    theirs = {tag.lower() for tag in message.headers.get_list("supported")}
    return ", ".join((told, *(tag for tag in _OF_BOTH_ENDS if tag in theirs)))


def _allowed(theirs: str) -> str:
    """Write the methods that work: ours, without those that only the other end could take and does not."""
    known = {method.strip() for method in theirs.split(",")}
    ours = ALLOW.split(", ")
    return ", ".join(method for method in ours if method not in _ASKS_THE_OTHER_END or method in known)


_ALLOWED = Memo(_allowed)


SDP = "application/sdp"


def refuse_offer(message: Message) -> tuple[bytes, str | None]:
    """Return an answer that takes nothing of what a message offers, and its type; nothing where it offers nothing."""
    is_offer = message.body and is_sdp(message.headers.get("content-type"))
    return (refuse_streams(message.body), SDP) if is_offer else (b"", None)


SeenAt = Callable[[str, str], tuple[str, int] | None]
"""Returns the media socket that has named a token, if it is at a host (docs/rendezvous.md)."""


def nowhere(token: str, host: str) -> None:
    """Know of no socket."""


def relayed_body(
    message: Message, source: str, destination: str, public_address: str | None, seen_at: SeenAt = nowhere
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body that the end at `destination` is to get, and the (old, new) addresses replaced.

    Nothing changes when both ends sit behind the same NAT (the same source address). A phone in the switch's
    own private network that talks to the outside is given `public_address`. A media socket that has shown itself, and
    is named, is where it was seen.
    """
    body = message.body
    if not body or source == destination:
        return body, []
    content_type = message.headers.get("content-type")
    if content_type is None:
        return body, []
    if has_tokens(body):
        body = place_sockets(body, lambda token: seen_at(token, source))
    takeover = source
    if public_address is not None and is_private_address(source) and not is_private_address(destination):
        takeover = public_address
    return rewrite_body(content_type, body, takeover)
