"""What the Contacts of a REGISTER ask for, and for how long that is granted (RFC 3261 §10.3 step 7)."""

import re
from ipaddress import ip_address
from typing import NamedTuple

from sipwright.services.registrar.bindings import Change
from sipwright.sip import STAR, NameAddr, Reject, Request, Uri, expires_of, q_of
from sipwright.sip.grammar import split_list
from sipwright.sip.host import canonical_host
from sipwright.stack import Incoming
from sipwright.transport.flow import Address

__all__ = ["Lifetimes", "clears_all", "numbers_flow", "read_change", "read_changes"]

_DEFAULT_EXPIRES = 3600

_PLAIN = re.compile(
    r"<sip:(?:[A-Za-z0-9\-_.+]+@)?([a-z0-9.\-]+):([0-9]{1,5})(?:;transport=[A-Za-z]+)?(?:;line=[A-Za-z0-9]+)?(?:;ob)?>"
    r"(?:;expires=([0-9]{1,9}))?"
).fullmatch
"""A Contact as most phones write it, whose URI need not be read."""


class Lifetimes(NamedTuple):
    """For how long bindings are granted, in seconds.

    A NAT keeps a UDP mapping for a minute or three. Refreshes keep it open, and a phone that came back under
    another port is found again soon.
    """

    shortest: int = 60
    longest: int = 3600
    behind_nat: int = 120


_MOST_CONTACTS = 20
_LONGEST_CONTACT = 1024


def clears_all(request: Request) -> bool:
    """Return whether a REGISTER removes all bindings at once: `Contact: *` with `Expires: 0`.

    Among other Contacts a star cannot be read, so here it is the only one.

    Raises:
        Reject: It has the star with another expiry (step 6).
    """
    if request.sole_contact is not None or request.contacts[0].uri is not STAR:
        return False
    if request.expires != 0:
        raise Reject(400, "Contact * Needs Expires 0")
    return True


def read_changes(incoming: Incoming, lifetimes: Lifetimes, *, has_path: bool) -> list[Change]:
    """Return what the Contacts of a REGISTER ask for.

    Args:
        incoming: The REGISTER.
        lifetimes: What may be granted.
        has_path: It came through a proxy that stays between us and the phone, so where it came from says
            nothing about a NAT.

    Raises:
        Reject: An expiry is too short, or there is too much of anything.
    """
    request = incoming.request
    remote = None if incoming.flow.is_reliable or has_path else incoming.flow.remote
    sole = request.sole_contact
    if sole is not None:
        text, uri = sole
        return [Change(uri, _checked(text), _granted(uri, request.expires, remote, lifetimes))]
    contacts = request.contacts
    if len(contacts) > _MOST_CONTACTS:
        raise Reject(400, "Too Many Contacts")
    return [_change(contact, request.expires, remote, lifetimes) for contact in contacts]


def read_change(
    value: str, requested: int | None, remote: Address | None, lifetimes: Lifetimes
) -> tuple[Change, bool] | None:
    """Return what the one Contact of a REGISTER asks for, and whether it numbers a flow; None if it says more.

    Args:
        value: The Contact.
        requested: The Expires of the request.
        remote: Where it came from over UDP, if no proxy stays between us and the phone.
        lifetimes: What may be granted.

    Raises:
        Reject, ParseError: It cannot be granted, or not be read.
    """
    plain = _PLAIN(value)
    if plain is not None and 0 < (port := int(plain[2])) < 65_536:
        is_there = remote is None or (port == remote[1] and canonical_host(plain[1]) == remote[0])
        requested = requested if plain[3] is None else int(plain[3])
        granted = _lifetime(requested, lifetimes, is_behind_nat=not is_there)
        text = value[: value.rfind(">") + 1]
        return Change(text[1:-1], _checked(text), granted), False
    if value[0] == "<" and value.find(">") == len(value) - 1:
        uri = Uri.parse(value[1:-1])
        return Change(uri, _checked(value), _granted(uri, requested, remote, lifetimes)), False
    if value == "*" or len(split_list(value)) > 1:
        return None
    contact = NameAddr.parse(value, "Contact")
    return _change(contact, requested, remote, lifetimes), numbers_flow(contact)


def numbers_flow(contact: NameAddr) -> bool:
    """Return whether a Contact numbers the flow that its phone registers (RFC 5626 §4.2)."""
    return "reg-id" in contact.params and "+sip.instance" in contact.params


def _change(contact: NameAddr, expires: int | None, remote: Address | None, lifetimes: Lifetimes) -> Change:
    uri, params = contact.uri, contact.params
    requested = expires_of(contact) if "expires" in params else expires
    granted = _granted(uri, requested, remote, lifetimes)
    text = _checked(_text(contact))
    if "+sip.instance" not in params:
        return Change(uri, text, granted, q_of(contact) if "q" in params else 1.0)
    instance, reg_id = contact.param("+sip.instance"), _number(contact.param("reg-id"))
    return Change(uri, text, granted, q_of(contact), instance, reg_id)


def _granted(uri: Uri, requested: int | None, remote: Address | None, lifetimes: Lifetimes) -> int:
    is_behind_nat = remote is not None and not _is_at(uri, remote)
    return _lifetime(requested, lifetimes, is_behind_nat=is_behind_nat)


def _lifetime(requested: int | None, lifetimes: Lifetimes, *, is_behind_nat: bool) -> int:
    if requested is None:
        requested = _DEFAULT_EXPIRES
    shortest, longest, behind_nat = lifetimes
    if 0 < requested < shortest:
        raise Reject(423, headers=(("Min-Expires", str(shortest)),))
    return min(requested, behind_nat if is_behind_nat and requested > behind_nat else longest)


def _checked(text: str) -> str:
    if len(text) > _LONGEST_CONTACT:
        raise Reject(400, "Contact Is Too Long")
    return text


def _is_at(uri: Uri, address: Address) -> bool:
    """Return whether a Contact says where its REGISTER really came from."""
    host, port = address
    if uri.used_port != port:
        return False
    if uri.host == host:
        return True
    # The same IPv6 address can be written in many ways.
    return ":" in host and ":" in uri.host and ip_address(uri.host) == ip_address(host)


def _text(contact: NameAddr) -> str:
    """Write a contact as it came, without its expiry."""
    text = str(contact)
    if "expires" not in contact.params and text[0] == "<":
        return text
    params = {name: value for name, value in contact.params.items() if name != "expires"}
    return str(NameAddr(contact.uri, contact.display_name, params))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else None
