"""The headers that say who calls, towards a provider and from it: which of them, each provider says for itself."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.sip import NameAddr, ParseError, Request, Uri
from sipwright.sip.grammar import quote
from sipwright.sip.headers.names import KEYS

from .relayed import VERSTAT, is_private, without_verification

__all__ = [
    "ANONYMOUS", "Verification", "caller_headers", "forget_verification", "read_caller", "verification_of",
    "with_number",
]  # fmt: skip

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""From, of who does not want to be known (RFC 3323 §4.1.1.3)."""

_NAMES = {
    "pai": "P-Asserted-Identity",
    "ppi": "P-Preferred-Identity",
    "rpid": "Remote-Party-ID",
    "diversion": "Diversion",
    "history-info": "History-Info",
}
_ATTESTATIONS = ("P-Attestation-Indicator", "P-Attestation", "Attestation-Info")


class Verification(NamedTuple):
    """What a provider has found out about the one who calls (ATIS-1000074): `verstat`, and the level A, B or C."""

    verstat: str | None
    attestation: str | None


def caller_headers(
    wanted: list[str], number: str, name: str, host: str, *, is_hidden: bool, is_forwarded: bool
) -> list[tuple[str, str]]:  # fmt: skip
    """Return the headers beside From that tell a provider the number which calls, or has forwarded the call."""
    uri = f"<sip:{number}@{host}>"
    shown = f"{quote(name)} {uri}" if name else uri
    headers = []
    for each in wanted:
        if each in ("pai", "ppi"):
            headers.append((_NAMES[each], shown))
        elif each == "rpid":
            privacy = "full" if is_hidden else "off"
            headers.append((_NAMES[each], f"{shown};party=calling;screen=yes;privacy={privacy}"))
        elif each == "diversion" and is_forwarded:
            headers.append((_NAMES[each], f"{uri};reason=unconditional"))
    return headers


def read_caller(request: Request, where: str) -> NameAddr | None:
    """Return who calls, from the header in which a provider says it; None where From says it, or nobody may."""
    if where not in _NAMES or is_private(request):
        return None
    for value in request.headers.get_list(_NAMES[where]):
        try:
            found = NameAddr.parse(value)
        except ParseError:
            continue
        if found.uri.is_sip or found.uri.scheme == "tel":
            return found
    return None


def verification_of(request: Request) -> Verification:
    """Return what a provider that is believed says about the caller's number."""
    headers = request.headers
    texts = [headers.get("P-Asserted-Identity") or "", headers.get("From") or ""]
    verstat = next((found[1] for text in texts if (found := VERSTAT.search(text))), None)
    for name in _ATTESTATIONS:
        level = (headers.get(name) or "").strip().upper()
        if level in ("A", "B", "C"):
            return Verification(verstat, level)
    return Verification(verstat, None)


def forget_verification(request: Request) -> None:
    """Take away what a request says of the identity of its caller, and how much of that is certain."""
    headers = request.headers
    index = headers.index()
    for name in (*_ATTESTATIONS, "Identity"):
        if KEYS[name] in index:
            headers.remove(name)
    for name in ("P-Asserted-Identity", "Remote-Party-ID"):
        if any(VERSTAT.search(value) for value in headers.get_all(name)):
            headers.set(name, without_verification(", ".join(headers.get_all(name))))


def with_number(address: NameAddr, number: str, host: str) -> str:
    """Write a caller as From has it, with that number; one that is named by a tel URI is at `host`."""
    uri = address.uri
    if uri.is_sip:
        shown = str(uri.replace(user=number or None, params={}, headers=""))
    else:
        shown = str(Uri(host=host, user=number))
    return f"{quote(address.display_name)} <{shown}>" if address.display_name else f"<{shown}>"
