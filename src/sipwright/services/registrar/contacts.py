"""What a REGISTER asks for with its Contacts, and for how long that is granted (RFC 3261 §10.3 step 7)."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from sipwright.services.registrar.bindings import Change
from sipwright.sip import STAR, NameAddr, ParseError, Reject, Request, Uri, expires_of, q_of
from sipwright.sip.grammar import split_list
from sipwright.sip.usual_register import UsualRegister
from sipwright.stack import Incoming
from sipwright.transport.flow import Address

__all__ = [
    "LONGEST_CONTACT", "Lifetimes", "clears_all", "is_usual_flow", "is_usual_path", "lifetime", "listed_path",
    "read_changes", "read_path", "read_wants_outbound", "wants_outbound",
]  # fmt: skip

_DEFAULT_EXPIRES = 3600


class Lifetimes(NamedTuple):
    """For how long bindings are granted, in seconds.

    A NAT keeps a UDP mapping for a minute or three. Refreshes keep it open, and a phone that came back under
    another port is found again soon.
    """

    shortest: int = 60
    longest: int = 3600
    behind_nat: int = 120


_MOST_CONTACTS = 20
_HOP = (
    r"<sips?:(?:[\w.~!*'()%=+-]+@)?[A-Za-z0-9.-]*[A-Za-z0-9](?::[1-9][0-9]{0,3})?(?:;[a-z]+(?:=[\w.%-]+)?)*>"
)
_USUAL_PATH = re.compile(rf"{_HOP}(?:, ?{_HOP})*", re.ASCII).fullmatch
LONGEST_CONTACT = 1024
_LONGEST_REG_ID = 10


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
        Reject: An expiry is too short, there is too much of anything, or a proxy in between does not keep the flow that
            is numbered.
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
    changes = [_change(contact, request.expires, remote, lifetimes) for contact in _with_flows(request)]
    if sum(change.granted > 0 for change in changes) > 1 and any(
        change.granted and change.reg_id is not None for change in changes
    ):
        # A flow is the one that the request came over, so it can be of one address alone (RFC 5626 §6).
        raise Reject(400, "One Contact For Each Flow")
    return changes


def wants_outbound(request: Request) -> bool:
    """Return whether a phone has numbered the flow that it registers, and wants to know what becomes of that."""
    index = request.headers.index()
    if "supported" not in index and "require" not in index:
        return False
    options = [*request.headers.get_list("Supported"), *request.headers.get_list("Require")]
    return _has_outbound(options) and "contact" in index and any(map(_numbers_flow, request.contacts))


def is_usual_flow(read: UsualRegister) -> bool:
    """Return whether a REGISTER read in one pass numbers no flow, or one to us as it should be.

    Any other is read by `read_changes`.
    """
    return read.reg_id is None or (read.reg_id > 0 and not (read.path or read.head.count(b"\r\nVia:") > 1))


def _with_flows(request: Request) -> list[NameAddr]:
    """Return the Contacts of a REGISTER, without numbers that are none, and those of flows that no proxy keeps.

    The first URI of the Path says whether the one in between does (RFC 5626 §6).
    """
    contacts = [each if _numbers_flow(each) else _without_flow(each) for each in request.contacts]
    path = request.headers.get_list("Path")
    if not path and len(request.vias) == 1:
        return contacts
    if (path and "ob" in NameAddr.parse(path[0], "Path").uri.params) or not any(map(_numbers_flow, contacts)):
        return contacts
    if wants_outbound(request):
        raise Reject(439, why="a proxy between the phone and us has not put `;ob` into its Path")
    return [_without_flow(contact) for contact in contacts]


def _without_flow(contact: NameAddr) -> NameAddr:
    if not ("reg-id" in contact.params and "+sip.instance" in contact.params):
        return contact
    params = {name: value for name, value in contact.params.items() if name != "reg-id"}
    return NameAddr(contact.uri, contact.display_name, params)


def read_wants_outbound(read: UsualRegister) -> bool:
    """Return what `wants_outbound` does of a REGISTER that was read in one pass."""
    return read.reg_id is not None and _has_outbound(split_list(read.supported))


def read_path(request: Request) -> str:
    """Return the values of all Paths of a REGISTER: the Route of what is sent to its phone (RFC 3327 §5.3).

    Raises:
        Reject: One of them makes no route.
    """
    path = request.headers.get_list("Path")
    try:
        are_routes = all(NameAddr.parse(hop, "Path").uri.is_sip and "<" in hop for hop in path)
    except ParseError as error:
        raise Reject(400, error.reason) from None
    if not are_routes:
        raise Reject(400, "Path Is No Route")
    return ", ".join(path)


def is_usual_path(path: str) -> bool:
    """Return whether nothing is to be said against what a Path says; of any other `read_path` finds out."""
    return not path or _USUAL_PATH(path) is not None


def listed_path(path: str) -> str:
    """Return what a Path says with its values as all Paths are written."""
    return ", ".join([part for part in split_list(path) if part]) if path else ""


def _numbers_flow(contact: NameAddr) -> bool:
    """Return whether a Contact numbers the flow that its phone registers (RFC 5626 §4.2)."""
    return "+sip.instance" in contact.params and _reg_id(contact) is not None


def _change(contact: NameAddr, expires: int | None, remote: Address | None, lifetimes: Lifetimes) -> Change:
    uri, params = contact.uri, contact.params
    requested = expires_of(contact) if "expires" in params else expires
    granted = _granted(uri, requested, remote, lifetimes)
    text = _checked(_text(contact))
    if "+sip.instance" not in params:
        return Change(uri, text, granted, q_of(contact) if "q" in params else 1.0)
    return Change(uri, text, granted, q_of(contact), contact.param("+sip.instance"), _reg_id(contact))


def _granted(uri: Uri, requested: int | None, remote: Address | None, lifetimes: Lifetimes) -> int:
    granted = lifetime(requested, lifetimes, is_behind_nat=remote is not None and not _is_at(uri, remote))
    if granted is None:
        raise Reject(423, headers=(("Min-Expires", str(lifetimes.shortest)),))
    return granted


def lifetime(requested: int | None, lifetimes: Lifetimes, *, is_behind_nat: bool) -> int | None:
    """Return for how long a binding is granted, 0 where its removal is asked for; None if it is for too short."""
    if requested is None:
        requested = _DEFAULT_EXPIRES
    shortest, longest, behind_nat = lifetimes
    if 0 < requested < shortest:
        return None
    return min(requested, behind_nat if is_behind_nat and requested > behind_nat else longest)


def _checked(text: str) -> str:
    if len(text) > LONGEST_CONTACT:
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


def _reg_id(contact: NameAddr) -> int | None:
    """Return the number of a flow; None for what is no number that one may have (RFC 5626 §10)."""
    text = contact.param("reg-id")
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_REG_ID):
        return None
    return int(text) if 0 < int(text) < 1 << 31 else None


def _has_outbound(options: Iterable[str]) -> bool:
    return any(option.lower() == "outbound" for option in options)
