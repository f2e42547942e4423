"""A REGISTER as nearly all phones write it, read in one pass: all that a registrar asks of it, and nothing else.

Phones register all day, and nearly every REGISTER has one shape: no body, each header on a line of its own that says
`Name: value`, nothing repeated but Via, and one Contact in angle brackets. What has another shape is read by
`parser.py`, and answered the same (`tests/services/registrar/test_quick.py`).

This is the twin of `native/src/register.rs`, which takes its place where it was built (`native.py`). The native one may
find unusual what is usual here, and says the same of everything else; nothing is known to only one of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sipwright import native
from sipwright.sip.errors import ParseError
from sipwright.sip.headers.auth import Answer, Credentials
from sipwright.sip.headers.names import KEYS
from sipwright.sip.host import canonical_host
from sipwright.sip.parser import MOST_LINES
from sipwright.sip.uri import DEFAULT_PORTS

__all__ = ["UsualRegister", "read_in_python", "read_register"]

LONGEST = 4_096
"""Bytes of a REGISTER that is read so."""

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_USER = r"[A-Za-z0-9\-_.+]+"
_HOST = r"[a-z0-9.\-]+"
_START_LINE = re.compile(
    rf"REGISTER (sip:({_HOST})(?::([0-9]+))?(?:;transport=[A-Za-z]+)?) SIP/2\.0"
).fullmatch
_VIA = re.compile(
    rf" SIP/2\.0/(UDP|TCP|TLS|WS|WSS) ({_HOST})(?::([0-9]+))?(;rport)?"
    rf";branch=(z9hG4bK{_TOKEN})(;rport)?(;alias)?"
).fullmatch
_ADDRESS = re.compile(rf' (?:"[^"\\]*" ?|[A-Za-z0-9 ]*)<sip:({_USER})@({_HOST})(?::([0-9]+))?>').fullmatch
_TAG = re.compile(rf";tag=({_TOKEN})").fullmatch
_CSEQ = re.compile(r" ([0-9]{1,9}) REGISTER").fullmatch
_SECONDS = re.compile(r"[0-9]{1,9}").fullmatch
_COUNT = re.compile(r"[0-9a-fA-F]{8}").fullmatch
_CONTACT = re.compile(
    rf"(<sip:(?:{_USER}@)?({_HOST})(?::([0-9]+))?(?:;transport=([A-Za-z]+))?(?:;line=[A-Za-z0-9]+)?(?:;ob)?>)"
    rf'((?:;[a-z0-9.+\-]+(?:=(?:{_TOKEN}|"[^"\\]*"))?)*)'
).fullmatch
_PARAM = re.compile(r';([^;="]+)(?:=([^;"]+|"[^"]*"))?').findall
_Q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch
_PORTS = {name.upper(): port for name, port in DEFAULT_PORTS.items()}

_USUAL = frozenset({
    "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Allow-Events", "Authorization", "CSeq", "Call-ID",
    "Contact", "Content-Length", "Expires", "From", "Max-Forwards", "Path", "Route", "Supported", "To", "User-Agent",
    "Via",
})  # fmt: skip
_READ = frozenset(map(str.lower, _USUAL)) | {"require", "proxy-require", "server"}
"""The headers that mean something to a registrar, by their keys; some of them only to the long way."""


class UsualRegister(NamedTuple):
    """What a REGISTER says.

    Attributes:
        uri: The Request-URI, whose host is that of To.
        uri_port: The port in it.
        user: Who is registered: the user of To, and of From.
        host: The host of To, as it was written.
        port: The port of To.
        call_id: The Call-ID.
        cseq: The number of the CSeq.
        from_tag: The tag of From.
        branch: The branch of the top Via.
        via_host: The host of its sent-by.
        via_port: The port of its sent-by.
        reply_port: The port that is answered, where that is not the one it came from (RFC 3261 §18.2.2); else 0.
        alias_port: The port of its host that its connection may be used for as well (RFC 5923), or 0.
        answer: The credentials.
        contact: The Contact without its expiry; empty if there is none.
        is_there: Whether the Contact says where the REGISTER came from.
        expires: For how many seconds it is to be registered, if it says that.
        q: The preference of the Contact, if it has one.
        instance: Which device it is (RFC 5626 §4.1), if it says so.
        reg_id: Which flow of that device.
        user_agent: The User-Agent.
        path: The value of Path, or nothing.
        supported: The value of Supported, or nothing.
        head: How each response begins after its first line, up to the To tag: source and rport are noted in the top Via
            as `stack/addresses.py` does (RFC 3261 §18.2.1, RFC 3581 §4).
        tail: How it goes on after the tag.
    """

    uri: str
    uri_port: int | None
    user: str
    host: str
    port: int | None
    call_id: str
    cseq: int
    from_tag: str
    branch: str
    via_host: str
    via_port: int | None
    reply_port: int
    alias_port: int
    answer: Answer | None
    contact: str
    is_there: bool
    expires: int | None
    q: str | None
    instance: str | None
    reg_id: int | None
    user_agent: str | None
    path: str
    supported: str
    head: bytes
    tail: bytes


def read_in_python(data: bytes, host: str, port: int, is_reliable: bool) -> UsualRegister | None:
    """Read a REGISTER that came from `host` and `port`, over a connection or not; None where it is unusual."""
    found = _values(data) if "%" not in host else None
    if found is None:
        return None
    start_line, values, vias = found
    try:
        get, sender, to = values.get, values["From"], values["To"]
        start, own, cseq, call_id = (
            _START_LINE(start_line),
            _ADDRESS(to),
            _CSEQ(values["CSeq"]),
            values["Call-ID"],
        )
        if start is None or own is None or cseq is None or start[2] != own[2]:
            return None
        if call_id[:1] != " " or len(call_id) == 1 or " " in call_id[1:] or "\t" in call_id:
            return None
        top, via = _note_source(vias[0], host, port, is_reliable=is_reliable)
        contact, is_there, asked, q, instance, reg_id = _contact(get("Contact"), host, port)
        agent, all_vias = get("User-Agent"), "\r\nVia:".join([top, *vias[1:]])
        return UsualRegister(
            start[1], _port(start[3]), own[1], own[2], _port(own[3]), call_id[1:], int(cseq[1]), _tag_of(sender, to),
            *via, _answer(get("Authorization")), contact, is_there,
            _seconds(get("Expires")) if asked is None else asked, q, instance, reg_id,
            None if agent is None else agent.strip(" \t"), get("Path", "").strip(" \t"),
            get("Supported", "").strip(" \t"),
            f"\r\nVia:{all_vias}\r\nFrom:{sender}\r\nTo:{to};tag=".encode("ascii"),
            f"\r\nCall-ID:{call_id}\r\nCSeq:{cseq[0]}\r\n".encode("ascii"),
        )  # fmt: skip
    except (KeyError, ValueError):
        return None


def _values(data: bytes) -> tuple[str, dict[str, str], list[str]] | None:
    """Return the start line, what follows the colon of each header by its name, and the Vias."""
    if len(data) > LONGEST or not data.isascii() or data[-4:] != b"\r\n\r\n":
        return None
    start_line, *lines, last, end = data.decode("ascii").split("\r\n")
    together = "".join(lines)
    if len(lines) > MOST_LINES or last or end or "\n" in together or "\r" in together or "\0" in together:
        return None
    values: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        values[name] = value
    vias = [values["Via"]] if "Via" in values else []
    if len(values) != len(lines):
        vias = [line[4:] for line in lines if line.startswith("Via:")]
    if not vias or len(values) + len(vias) - 1 != len(lines) or values.get("Content-Length", " 0") != " 0":
        return None
    try:
        is_read = not values.keys() <= _USUAL and any(KEYS[name] in _READ for name in values.keys() - _USUAL)
    except ParseError:
        return None
    return None if is_read else (start_line, values, vias)


def _port(text: str | None) -> int | None:
    """Read a port as nearly all are written."""
    if text is None:
        return None
    port = int(text) if text[0] != "0" and len(text) < 6 else 0
    if not 0 < port < 65_536:
        raise ValueError
    return port


def _tag_of(sender: str, to: str) -> str:
    """Return the tag of a From that has the address of To: whoever registers for others goes the long way."""
    length = len(to)
    if not sender.startswith(to):
        length = sender.rfind(";tag=")
        address, own = _ADDRESS(sender, 0, max(length, 0)), _ADDRESS(to)
        if address is None or own is None or address.groups() != own.groups():
            raise ValueError
    tag = _TAG(sender, length)
    if tag is None:
        raise ValueError
    return tag[1]


def _note_source(
    text: str, remote: str, remote_port: int, *, is_reliable: bool
) -> tuple[str, tuple[str, str, int | None, int, int]]:
    """Return the top Via with its source; then of it branch, host, port, the port to answer, the port of its alias."""
    via = _VIA(text)
    if via is None or (via[4] and via[6]):
        raise ValueError
    protocol, host, port_text, before, branch, after, alias = via.groups()
    port, rport = _port(port_text), before or after
    used_port, reply_port, alias_port = port or _PORTS[protocol], 0, 0
    if is_reliable:
        alias_port = used_port if alias and host == remote else 0
    elif not rport and used_port != remote_port:
        reply_port = used_port
    if rport:
        text = f"{text.replace(rport, f'{rport}={remote_port}', 1)};received={remote}"
    elif host != remote:
        text = f"{text};received={remote}"
    return text, (branch, host, port, reply_port, alias_port)


def _answer(value: str | None) -> Answer | None:
    """Read credentials; no header is none."""
    if value is None:
        return None
    found = Credentials.parse(value.strip(" \t"))
    params, get = found.params, found.params.get
    qop, count, cnonce = get("qop"), get("nc"), get("cnonce")
    if found.scheme.lower() != "digest" or qop not in (None, "auth"):
        raise ValueError
    if qop is not None and (count is None or _COUNT(count) is None or cnonce is None):
        raise ValueError
    return Answer(
        params["username"], params["realm"], params["nonce"], params["uri"], params["response"], get("algorithm"), qop,
        count, cnonce,
    )  # fmt: skip


def _contact(
    value: str | None, host: str, port: int
) -> tuple[str, bool, int | None, str | None, str | None, int | None]:
    """Return the text of a Contact, whether that is where it came from, its expiry, its preference, device and flow."""
    if value is None:
        return "", True, None, None, None, None
    found = _CONTACT(value.strip(" \t"))
    if found is None:
        raise ValueError
    text, its_host, its_port, protocol, more = found.groups()
    used_port = _port(its_port) or DEFAULT_PORTS.get((protocol or "udp").lower(), 5060)
    is_there = used_port == port and (its_host == host or canonical_host(its_host) == host)
    if not more:
        return text, is_there, None, None, None, None
    params = _PARAM(more)
    by_name = dict(params)
    if len(by_name) != len(params):
        raise ValueError
    q, instance, reg_id = by_name.get("q"), by_name.get("+sip.instance"), _seconds(by_name.get("reg-id"))
    if (q is not None and _Q(q) is None) or (instance is not None and instance[:1] != '"'):
        raise ValueError
    expires = _seconds(by_name.pop("expires", None))
    if expires is not None:
        more = "".join([f";{name}={given}" if given else f";{name}" for name, given in by_name.items()])
    if instance is None:
        return text + more, is_there, expires, q, None, None
    return text + more, is_there, expires, q, instance[1:-1], reg_id


def _seconds(text: str | None) -> int | None:
    """Read a number of up to nine digits."""
    if text is None:
        return None
    text = text.strip(" \t")
    if _SECONDS(text) is None:
        raise ValueError
    return int(text)


read_register = native.read_register or read_in_python
