"""What the DNS has to say of the domains served here, so that phones find the nodes (RFC 3263), and whether it does.

A node says how it is reached: that is its `Doors`. Of all of them records are made, and compared with those that are
there. Nothing here asks anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple, Self

import orjson

__all__ = [
    "TRANSPORTS", "TTL", "Doors", "Problem", "Record", "compared", "kept_long", "questions", "records_of", "zone_lines",
]  # fmt: skip

TTL = 300
"""Seconds for which an answer is remembered: how long phones look for a node at an address that it no longer has."""

LONG = 3600
"""Seconds from which on that is told, although whoever publishes it may want it so."""

TRANSPORTS = {
    "tls": ("SIPS+D2T", "_sips._tcp", 10),
    "tcp": ("SIP+D2T", "_sip._tcp", 20),
    "udp": ("SIP+D2U", "_sip._udp", 30),
}
"""The service of a NAPTR record, the name of the SRV records, and the place among others (RFC 3263 §4.1)."""

_SRV = re.compile(r"(\d+) (\d+) (\d+) (\S+)")
_NAPTR = re.compile(r'(\d+) (\d+) "([^"]*)" "([^"]*)" "([^"]*)" (\S+)')


@dataclass(frozen=True, slots=True)
class Doors:
    """How a node is reached from outside: at which addresses, and at which port over what.

    `host` is its name in the DNS, whole, or to be put before the domain. Of all nodes those of the lowest `priority`
    are tried first, in shares by their `weight` (RFC 2782).
    """

    host: str
    addresses: tuple[str, ...]
    ports: Mapping[str, tuple[int, ...]]
    priority: int = 10
    weight: int = 50

    def named(self, domain: str) -> str:
        """Return its name in the DNS."""
        return self.host.lower().rstrip(".") if "." in self.host else f"{self.host.lower()}.{domain}"

    def written(self) -> str:
        """Return it as a node says it to the others."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what a node has said."""
        parts: dict[str, Any] = orjson.loads(text)
        ports = {name: tuple(numbers) for name, numbers in parts["ports"].items()}
        return cls(parts["host"], tuple(parts["addresses"]), ports, parts["priority"], parts["weight"])


class Record(NamedTuple):
    """One record, as a zone file has it; names are whole, without the dot at the end."""

    name: str
    type: str
    data: str


class Problem(NamedTuple):
    """What is ``missing``, ``wrong`` or ``extra`` in the DNS, in words; or ``unknown``, as nobody has answered.

    What is ``slow`` is right, and kept for long by whoever has asked.
    """

    kind: str
    record: Record
    text: str


def records_of(domain: str, nodes: Iterable[Doors]) -> list[Record]:
    """Return what the zone of a domain has to say: NAPTR, SRV, and the addresses of the nodes."""
    doors = _distinct(domain, nodes)
    spoken = [name for name in TRANSPORTS if any(one.ports.get(name) for one in doors)]
    found = []
    for name in spoken:
        service, srv, order = TRANSPORTS[name]
        found.append(Record(domain, "NAPTR", f'{order} 50 "s" "{service}" "" {srv}.{domain}.'))
    for name in spoken:
        for one in doors:
            for port in one.ports.get(name, ()):
                data = f"{one.priority} {one.weight} {port} {one.named(domain)}."
                found.append(Record(f"{TRANSPORTS[name][1]}.{domain}", "SRV", data))
    for one in doors:
        for address in one.addresses:
            found.append(Record(one.named(domain), _type_of(address), address))
    return list(dict.fromkeys(found))


def zone_lines(records: Sequence[Record]) -> list[str]:
    """Return records as lines of a zone file."""
    width = max((len(one.name) for one in records), default=0) + 1
    return [f"{one.name + '.':{width}} {TTL} IN {one.type:5} {one.data}" for one in records]


def questions(domain: str, records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return what to ask the DNS for, as names and types, to compare it: also for what should not be there."""
    asked = [(domain, "NAPTR"), *((f"{srv}.{domain}", "SRV") for _, srv, _ in TRANSPORTS.values())]
    hosts = [one.name for one in records if one.type in ("A", "AAAA")]
    hosts += [one.data.split()[-1].rstrip(".") for one in records if one.type == "SRV"]
    asked += [(host, kind) for host in dict.fromkeys(hosts) for kind in ("A", "AAAA", "CNAME")]
    return asked


def compared(
    wanted: Iterable[Record], answers: Mapping[tuple[str, str], Sequence[str] | str]
) -> list[Problem]:
    """Return what is not as it has to be.

    Args:
        wanted: The records that have to be there.
        answers: What is there, for each name and type; a text where nobody could be asked, which says why.
    """
    records = list(wanted)
    found: list[Problem] = []
    for (name, kind), answer in answers.items():
        due = [one for one in records if (one.name, one.type) == (name, kind)]
        if isinstance(answer, str):
            asked = Record(name, kind, "")
            found.append(
                Problem("unknown", asked, f"nobody says whether {name} has {kind} records: {answer}")
            )
        elif kind == "NAPTR":
            found += _naptr(name, due, answer)
        elif kind == "SRV":
            found += _srv(name, due, answer)
        elif kind == "CNAME":
            found += [_alias(name, target) for target in answer]
        else:
            found += _addresses(name, kind, due, answer)
    return found


def kept_long(seconds: Mapping[tuple[str, str], float]) -> list[Problem]:
    """Return which answers are kept for long, of how many seconds each may be, by name and type."""
    return [
        Problem(
            "slow", Record(name, kind, ""),
            f"{name} is asked for its {kind} records once in {kept:.0f} s; {TTL} lets phones find another node sooner",
        )
        for (name, kind), kept in seconds.items() if kept > LONG
    ]  # fmt: skip


def _alias(name: str, target: str) -> Problem:
    said = f"{name} is an alias, of {target.rstrip('.')}; a name in an SRV record needs addresses of its own (RFC 2782)"
    return Problem("wrong", Record(name, "CNAME", target), said)


def _naptr(name: str, due: list[Record], there: Sequence[str]) -> list[Problem]:
    """Compare what says by which transports a domain is reached; order and preference are for whoever publishes it."""

    def key(text: str) -> tuple[str, ...] | None:
        parts = _NAPTR.fullmatch(text)
        if parts is None:
            return None
        return parts[3].lower(), parts[4].upper(), parts[5], parts[6].lower().rstrip(".")

    have = {key(text): text for text in there}
    found = []
    for one in due:
        if key(one.data) not in have:
            found.append(Problem("missing", one, f"{name} does not say that it takes {_service(one.data)}"))
    wanted = {key(one.data) for one in due}
    for what, text in have.items():
        service = "" if what is None else what[1]
        if what not in wanted and service.startswith(("SIP+", "SIPS+")) and "D2W" not in service:
            where = f"leads phones to {text.split()[-1].rstrip('.')} for {service}, where no node is"
            found.append(Problem("extra", Record(name, "NAPTR", text), f"{name} {where}"))
    return found


def _srv(name: str, due: list[Record], there: Sequence[str]) -> list[Problem]:
    """Compare the servers of a domain for one transport."""
    have = {text.lower().rstrip("."): text for text in there}
    wanted = {one.data.lower().rstrip("."): one for one in due}
    left = {key: text for key, text in have.items() if key not in wanted}
    found = []
    for key, one in wanted.items():
        if key in have:
            continue
        host = key.split()[-1]
        same = next((other for other in left if other.split()[-1] == host), None)
        if same is None:
            found.append(Problem("missing", one, f"{name} does not lead to {host}: {_told(key)}"))
        else:
            said = f"{name} leads to {host} with {_told(same)}; it has to be {_told(key)}"
            found.append(Problem("wrong", one, said))
            del left[same]
    for key, text in left.items():
        said = f"{name} leads to {key.split()[-1]}, {_told(key)}, where no node is"
        found.append(Problem("extra", Record(name, "SRV", text), said))
    return found


def _addresses(name: str, kind: str, due: list[Record], there: Sequence[str]) -> list[Problem]:
    have = {_plain(text): text for text in there}
    wanted = {_plain(one.data): one for one in due}
    found = []
    others = ", ".join(sorted(set(have) - set(wanted)))
    for address, one in wanted.items():
        if address not in have:
            rest = f"; it leads to {others}" if others else ""
            found.append(
                Problem("wrong" if others else "missing", one, f"{name} does not lead to {address}{rest}")
            )
    if not [one for one in found if one.kind == "wrong"]:
        for address in sorted(set(have) - set(wanted)):
            record = Record(name, kind, address)
            found.append(
                Problem("extra", record, f"{name} leads to {address}, where that node does not listen")
            )
    return found


def _distinct(domain: str, nodes: Iterable[Doors]) -> list[Doors]:
    """Return the nodes by their names; processes of one machine, which have the same doors, are one."""
    found: dict[str, Doors] = {}
    for one in sorted(nodes, key=lambda each: each.named(domain)):
        if not any((one.addresses, one.ports) == (other.addresses, other.ports) for other in found.values()):
            found.setdefault(one.named(domain), one)
    return list(found.values())


def _told(srv: str) -> str:
    parts = _SRV.fullmatch(srv)
    if parts is None:
        return srv
    return f"port {parts[3]}, priority {parts[1]}, weight {parts[2]}"


def _service(naptr: str) -> str:
    parts = _NAPTR.fullmatch(naptr)
    service = "" if parts is None else parts[4]
    return next((name.upper() for name, known in TRANSPORTS.items() if known[0] == service), service)


def _type_of(address: str) -> str:
    return "A" if ip_address(address).version == 4 else "AAAA"


def _plain(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address
