"""The INVITE that a leg is sent: the caller's, as the other end is to see it (RFC 3261 §13.2.1).

It says by which call it is known, should a provider bring it back (a spiral, RFC 3261 §6): that may come with another
Call-ID, other tags and another Request-URI, so neither a Via nor Max-Forwards shows it. What leaves here has the id
of its call in several places, of which a provider keeps one or the other: Call-ID, From tag, and, when somebody
else's call is sent on, a header of ours and History-Info. To come back once or twice is no fault: two accounts here
may have numbers at the same provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import ceil
from urllib.parse import quote as percent_encode

from sipwright.services.leg_options import LegOptions
from sipwright.sip import NameAddr, ParseError, Reject, Request, Uri
from sipwright.sip.build import make_request
from sipwright.sip.dialog import address_of
from sipwright.sip.grammar import quote, shown
from sipwright.sip.headers.collection import write_lines
from sipwright.sip.headers.names import KEYS
from sipwright.sip.provisional import takes_reliable
from sipwright.sip.session_timer import LEAST, min_se
from sipwright.sip.uri import as_request_uri, is_secure

from ..call.call import EXPIRES, Call
from ..call.callee import Callee
from ..call.ports import SwitchSettings
from ..model.caller_headers import ANONYMOUS, caller_headers
from ..model.header_table import (
    CALL_HEADER,
    IDENTITY,
    OUTSIDER,
    PASSAGES,
    PHONE,
    SCRIPT,
    SOURCE_HEADER,
    Party,
)
from ..model.identity_headers import asserted
from ..model.relayed import has_private_history, is_private, relayed_body, relayed_lines

__all__ = ["MOST_PASSES", "from_header", "make_invite", "marks", "origin_of", "passes_of", "read_source"]

MOST_PASSES = 3
"""How often a call may come back."""

SHORTEST = 16
"""Characters of the id of a call."""

_ID = re.compile(f"[0-9a-f]{{{SHORTEST},40}}")
_KEPT = ("history-info", CALL_HEADER.lower())

_SAFE_IN_USER = "-_.!~*'()&=+$,;?/#%"
"""What stays as a script wrote it; an escape may be its own."""


def make_invite(call: Call, leg: Callee, least: int = 0) -> Request:
    """Build the INVITE of `leg`; its flow is known, so Via and Contact can name the right socket.

    `least` is the Min-SE of a 422 to the one before.
    """
    ports, flow, destination, original = call.ports, leg.flow, leg.destination, call.caller.invite
    assert flow is not None
    assert original is not None
    options = destination.options
    sender = call.caller.party if call.originator is None else SCRIPT
    told = ports.settings.extensions
    if original.body or (sender is not SCRIPT and takes_reliable(original)):
        told += ", 100rel"  # else whoever answers could make an offer that nobody can answer in a PRACK (RFC 3262 §5)
    relayed = relayed_lines(original, PASSAGES[sender, leg.party], told)
    if EXPIRES in call.timers:
        relayed = _still_valid(call, relayed)
    if ports.settings.session_expires and flow.protocol != "loop":
        relayed += _session_lines(ports.settings, leg, least)
    if destination.caller:
        relayed = [line for line in relayed if KEYS[line.partition(":")[0]] not in IDENTITY]
    if options.headers:
        replaced = {KEYS[name] for name, _ in options.headers}
        relayed = [line for line in relayed if KEYS[line.partition(":")[0]] not in replaced]
        # On the loop the source is what the switch itself knows, whatever a script would like the next one to believe.
        own = [pair for pair in options.headers if pair[0].lower() != SOURCE_HEADER.lower()]
        relayed += write_lines(own)
    if destination.redirected_by and destination.account_id is not None:
        relayed = _diversions(call, leg) + relayed
    headers = []
    if flow.protocol == "loop":
        headers.append((SOURCE_HEADER, f"{call.caller.source};loops={call.loops + 1};owner={_owner(call)}"))
    headers += marks(call, leg, relayed)
    from_ = ANONYMOUS if _is_unseen(leg, original, sender) else _from_address(call, original, options)
    if destination.caller:
        from_, more = _who_calls(call, leg, original, from_)
        headers += more
    elif sender is PHONE and not any(name.lower() == "p-asserted-identity" for name, _ in options.headers):
        is_shown_otherwise = not options.from_user is options.from_host is None
        headers += asserted(original, leg.party, from_, is_shown_otherwise=is_shown_otherwise)
    body, content_type = original.body, None
    if body:
        content_type = original.headers.get("content-type") or "application/sdp"
        if options.mangle is not False:
            body, _replaced = relayed_body(
                original,
                call.caller.source,
                leg.source,
                ports.settings.public_address,
                ports.settings.seen_at,
            )
    return make_request(
        "INVITE",
        as_request_uri(destination.uri),
        from_=from_,
        to=f"<{destination.to}>",
        call_id=leg.sip_call_id,
        cseq=leg.invite_cseq,
        from_tag=leg.local_tag,
        via=ports.stack.new_via(flow),
        routes=destination.route,
        max_forwards=call.max_forwards,
        contact=ports.stack.local_contact(flow, ports.stack.call_user, is_secure=is_secure(destination.uri)),
        lines=relayed,
        headers=headers,
        body=body,
        content_type=content_type,
    )


def _diversions(call: Call, leg: Callee) -> list[str]:
    """Return the lines that tell a phone of ours by whose redirects the call has come there, the latest first."""
    destination, original = leg.destination, call.caller.invite
    is_said = any(name.lower() == "diversion" for name, _ in destination.options.headers)
    if is_said or original is None or has_private_history(original):
        return []
    lines = []
    while destination.redirected_by:
        by = call.legs[destination.redirected_by - 1]
        reason = destination.diverted or ("unconditional" if by.rang_at is None else "no-answer")
        destination = by.destination
        if destination.account_id is not None:
            lines.append(f"Diversion: <{destination.to}>;reason={reason}")
    return lines


def _still_valid(call: Call, lines: list[str]) -> list[str]:
    """Let an invitation say for how long it is still valid (RFC 3261 §13.2.1): others may have rung before."""
    left = ceil(call.timers[EXPIRES] - call.ports.wall_clock())
    kept = [line for line in lines if KEYS[line.partition(":")[0]] != "expires"]
    return [*kept, f"Expires: {max(left, 1)}"]


def _session_lines(settings: SwitchSettings, leg: Callee, least: int) -> Iterable[str]:
    """Return what an INVITE says of the session timer (RFC 4028 §7.1, §7.4); the one before has the Min-SE so far."""
    known = 0 if leg.invite is None else min_se(leg.invite)
    least = max(settings.min_se, known, least)
    if least == LEAST:  # which is as good as said
        return (f"Session-Expires: {settings.session_expires}",)
    return f"Session-Expires: {max(settings.session_expires, least)}", f"Min-SE: {least}"


def read_source(value: str) -> tuple[str, int, int | None]:
    """Read what the loop says: where a call first came from, how often it has looped, and whose it was before."""
    source, *params = value.split(";")
    said = dict(param.partition("=")[::2] for param in params)
    owner = said.get("owner")
    return source, int(said.get("loops") or 0), int(owner) if owner else None


def _who_calls(call: Call, leg: Callee, original: Request, from_: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the From and the headers beside it that tell a provider who calls, each as its settings have it."""
    to, options = leg.destination, leg.destination.options
    caller = NameAddr.parse(from_)
    is_hidden = is_private(original) or original.from_uri.is_anonymous
    own = {name.lower() for name, _ in options.headers}
    name = shown(caller.display_name or "").strip()
    is_forwarded = call.identity.direction == "in" and call.originator is None
    host = Uri.parse(to.uri).hostport
    told = caller_headers(
        to.caller.split(), to.number, name, host, is_hidden=is_hidden, is_forwarded=is_forwarded
    )
    headers = [pair for pair in told if pair[0].lower() not in own]
    if is_hidden and "privacy" not in original.headers.index() and "privacy" not in own:
        headers.append(("Privacy", "id"))
    return ANONYMOUS if is_hidden else from_, headers


def _owner(call: Call) -> str:
    """Return the owner of the phone that calls, if one of ours does."""
    return "" if call.caller.party is OUTSIDER and call.originator is None else str(call.identity.user_id)


def _is_unseen(leg: Callee, original: Request, sender: Party) -> bool:
    """Return whether a phone, or somebody outside, is not to see who calls (RFC 3323 §5.3).

    A provider bills by its From, the loop finds the account by it, and a script that writes one knows why.
    """
    options = leg.destination.options
    return (
        leg.party in (PHONE, OUTSIDER)
        and sender is not SCRIPT
        and options.from_user is options.from_host is options.from_name is None
        and is_private(original)
        and not original.from_uri.is_anonymous
    )


def _from_address(call: Call, original: Request, options: LegOptions) -> str:
    if options.from_user is options.from_host is options.from_name is None:
        address = call.shown_from or address_of(original, "from")
        # A name without quotes is given them, and what would do something to the screen of a phone is left out.
        if address[0] in '"<' and shown(address) == address:
            return address
    return from_header(
        original.from_ if call.shown_from is None else NameAddr.parse(call.shown_from), options
    )


def from_header(caller: NameAddr, options: LegOptions) -> str:
    """Return the From of a leg, without tag: the caller's, with what the options of the leg change."""
    uri: Uri = caller.uri
    if options.from_user is not None or options.from_host is not None:
        # As it was written: unescaped, the name that a caller gives could bring a host of its own.
        user = uri.raw_user
        if options.from_user is not None:
            user = percent_encode(options.from_user, safe=_SAFE_IN_USER)
        uri = _address(user, options.from_host or uri.hostport) or _address(user, uri.hostport) or uri
    name = options.from_name if options.from_name is not None else caller.display_name
    if name:
        name = shown(name).strip()
    return f"{quote(name)} <{uri}>" if name else f"<{uri}>"


def _address(user: str | None, host: str) -> Uri | None:
    """Return the URI of that user and host, if there can be one."""
    try:
        return Uri.parse(f"sip:{user}@{host}" if user else f"sip:{host}")
    except ParseError:
        return None


def marks(call: Call, leg: Callee, relayed: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers by which a call is known that is sent on to somebody who is no phone of ours.

    `relayed` are the lines that cross from the caller: what has happened before stands there (RFC 4244 §4.3.3.1).
    """
    if leg.is_phone or call.identity.direction != "in" or call.originator is not None:
        return []
    named = [(CALL_HEADER, call.id)]
    invite = call.caller.invite
    if invite is not None and "privacy" not in invite.headers.index():
        before = sum(KEYS[line.partition(":")[0]] == "history-info" for line in relayed)
        to = leg.destination
        is_told = "history-info" in to.caller.split() and to.number
        forwarder = f"sip:{to.number}@{to.uri.rpartition('@')[2]}" if is_told else call.to_text
        named.append(("History-Info", f"<{forwarder}>;index=1{'.1' * before};call={call.id}"))
    return named


def passes_of(origin: Call | None, *, is_internal: bool) -> int:
    """Return how often a call has come back here that `origin` has led to.

    Raises:
        Reject: Once too often.
    """
    if origin is None:
        return 0
    if is_internal:  # from one account of this switch to the next, which `loops` counts
        return origin.passes
    passes = origin.passes + 1
    if passes > MOST_PASSES:
        dials = ", ".join(leg.destination.target for leg in origin.legs if leg.is_open) or "somebody"
        why = (
            f"the call has come back {passes} times: whoever has {origin.to_text} dials {dials}, which leads here "
            "again; change that dialplan, or what the provider forwards"
        )
        raise Reject(482, "Loop Detected", why=why)
    return passes


def origin_of(calls: Mapping[str, Call], request: Request, *, is_internal: bool) -> Call | None:
    """Return the call of ours that has led to this one; of several the one that has passed here most often.

    On the loop the switch itself has written the tag, which is asked first, so nothing that a script has set counts.
    """
    if is_internal and (call := calls.get((request.from_tag or "").partition(".")[0])) is not None:
        return call
    found: Call | None = None
    index = request.headers.index()
    texts = [request.from_tag or "", request.call_id]
    for name in _KEPT:
        if name in index:
            texts += request.headers.get_all(name)
    for text in texts:
        for call_id in _ID.findall(text) if len(text) >= SHORTEST else ():
            call = calls.get(call_id)
            if call is not None and (found is None or call.passes > found.passes):
                found = call
    return found
