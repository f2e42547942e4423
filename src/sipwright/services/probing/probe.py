"""One look at a provider: each question in turn, over lines of its own; nothing of the running switch takes part.

A few seconds of patience for each, so that the whole is over within a minute even where nobody answers.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sipwright.sip import NameAddr, ParseError, Request, Response, Uri, digest
from sipwright.sip.build import make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.grammar import parse_seconds
from sipwright.sip.headers.auth import Challenge, split_challenges
from sipwright.sip.headers.contact import readable_contacts
from sipwright.stun import read_reply, write_probe
from sipwright.stun.nat_check import Probe as StunProbe
from sipwright.transport.certificate_look import TlsLook, look_at_tls
from sipwright.transport.certificates import Certificates
from sipwright.transport.domain_records import DomainRecords, domain_records
from sipwright.transport.flow import Address, format_address
from sipwright.transport.query_line import QueryLine
from sipwright.transport.resolver import Resolver, Target
from sipwright.transport.route import is_ip_address

from .profile import Authentication, Expiry, Habits, Profile, Reached

__all__ = ["Credentials", "Probe"]

PROTOCOLS = ("udp", "tcp", "tls")
STEPS = 7
STUN_PORT = 3478
LONGEST_ASKED, SHORTEST_ASKED = 86_400, 1

_LONGEST_TEXT = 200
_MOST_LISTED = 40
_MOST_ROUNDS = 3

Refuses = Callable[[Target], bool]
"""Whether nothing may be sent to a target."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are there, where somebody wants to know what only a user is told."""

    username: str
    password: str
    auth_username: str | None = None


class Probe:
    """A look at one host; `run` takes it.

    Args:
        place: The host, with a port if so written: ``sip.example.net`` or ``203.0.113.9:5070``.
        resolver: Who finds its servers.
        certificates: Whom we believe.
        credentials: Ours, for the expiry that is granted; without them that stays unknown.
        dns: The DNS server, in place of those of the system.
        preferred: What is spoken here, best first.
        registers: Whether a registration of a few seconds may be made there and taken back, to see what is granted.
        refuses: Where nothing may be sent to.
        progress: Told how many of how many steps are done.
    """

    def __init__(  # noqa: PLR0913 (one argument for each thing that can be said of a probe)
        self, place: str, *, resolver: Resolver, certificates: Certificates, credentials: Credentials | None = None,
        dns: Address | None = None, preferred: Sequence[str] = ("udp", "tcp"), registers: bool = True,
        refuses: Refuses = lambda target: False, progress: Callable[[int, int], None] = lambda done, total: None,
        unix_time: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._place = Uri.parse(f"sip:{place}")
        self._domain = self._place.host.strip("[]")
        self._resolver = resolver
        self._certificates = certificates
        self._credentials = credentials
        self._dns = dns
        self._preferred = preferred
        self._registers = registers
        self._refuses = refuses
        self._progress = progress
        self._unix_time = unix_time
        self._lines: dict[str, QueryLine] = {}
        self._tls: TlsLook | None = None
        self._auth = ClientAuth()
        self._call_id, self._tag = secrets.token_hex(12), secrets.token_hex(6)
        self._cseq = 0
        self._habits = Habits()

    async def run(self) -> Profile:
        """Take the look."""
        try:
            return await self._run()
        finally:
            for line in self._lines.values():
                line.close()

    async def _run(self) -> Profile:
        self._progress(0, STEPS)
        records = DomainRecords()
        if not is_ip_address(self._domain):
            records = await domain_records(self._domain, self._dns)
        transports: dict[str, Reached] = {}
        for done, protocol in enumerate(PROTOCOLS, 1):
            self._progress(done, STEPS)
            transports[protocol] = await self._reach(protocol)
        self._progress(4, STEPS)
        line = next((self._lines[name] for name in self._order(transports)), None)
        pings = await self._pings(transports)
        authentication = Authentication() if line is None else await self._authentication(line)
        self._progress(5, STEPS)
        expiry = Expiry(fault="nobody answers") if line is None else await self._expiry(line)
        self._progress(6, STEPS)
        stun = await self._stun(transports)
        self._progress(STEPS, STEPS)
        best = next(iter(self._order(transports)), "udp")
        verify = self._tls.verify if best == "tls" and self._tls is not None else "on"
        return Profile(
            str(self._place).removeprefix("sip:"), self._unix_time(), self._server(best), verify,
            authentication.status in (200, 401, 407), records, transports, self._tls, authentication, expiry,
            self._habits, pings, stun,
        )  # fmt: skip

    def _order(self, transports: dict[str, Reached]) -> list[str]:
        """Return what answers, best first: what is spoken here, and TLS only with a certificate that counts."""
        is_trusted = self._tls is not None and self._tls.verify != "off"
        found = [name for name in ("tls", "udp", "tcp") if transports[name].status is not None]
        return sorted(found, key=lambda name: (name not in self._preferred, name == "tls" and not is_trusted))

    def _server(self, protocol: str) -> str:
        host = str(self._place).removeprefix("sip:").partition(";")[0]
        return host if protocol == "udp" else f"{host};transport={protocol}"

    # --- the questions ---------------------------------------------------------------------------------

    async def _reach(self, protocol: str) -> Reached:
        """Ask OPTIONS over one transport, at the first of the servers that takes it."""
        uri = self._place.replace(params={**self._place.params, "transport": protocol})
        if protocol == "tls" and uri.port == 5060:
            return Reached(fault="a port was given, and it is that of UDP and TCP")
        try:
            targets = await self._resolver.resolve(uri)
        except OSError as error:
            return Reached(fault=str(error)[:_LONGEST_TEXT])
        fault, address = "it has no address", None
        for target in targets[:3]:
            if self._refuses(target):
                fault = f"{target.host} is in our own network: allow it with [sip] networks"
                continue
            address = format_address((target.host, target.port))
            line = QueryLine(protocol, (target.host, target.port))
            try:
                if protocol == "tls":
                    line, self._tls = await look_at_tls(line, self._domain, self._certificates)
                else:
                    await line.open()
                response = await line.ask(self._request("OPTIONS", line))
            except OSError as error:
                line.close()
                fault = str(error.strerror or error)[:_LONGEST_TEXT] or "it does not answer in time"
                continue
            if response is None:
                line.close()
                fault = "it says nothing"
                continue
            self._lines[protocol] = line
            if not self._habits.allow:
                self._habits = _habits(response)
            return Reached(address, response.status, response.reason[:_LONGEST_TEXT])
        return Reached(address, fault=fault)

    async def _pings(self, transports: dict[str, Reached]) -> bool | None:
        for name in ("tls", "tcp"):
            if name in self._lines and transports[name].status is not None:
                return await self._lines[name].ping()
        return None

    async def _authentication(self, line: QueryLine) -> Authentication:
        """See what a REGISTER is asked for that names no Contact, and so changes nothing (RFC 3261 §10.2.3)."""
        try:
            request = self._request("REGISTER", line, (("Expires", "3600"),))
            response = await line.ask(request)
        except OSError:
            return Authentication()
        if response is None:
            return Authentication()
        self._learn(request, response, 0)
        values = [
            *response.headers.get_all("WWW-Authenticate"),
            *response.headers.get_all("Proxy-Authenticate"),
        ]
        asked = list(_challenges(values))
        return Authentication(
            response.status,
            tuple(dict.fromkeys(one.get("realm", "")[:_LONGEST_TEXT] for one in asked)),
            tuple(dict.fromkeys((one.get("algorithm") or "MD5").upper()[:_LONGEST_TEXT] for one in asked)),
            tuple(dict.fromkeys(word.strip() for one in asked for word in _words(one.get("qop")))),
        )

    async def _expiry(self, line: QueryLine) -> Expiry:
        """Register for a moment, as short and as long as can be, and take that back."""
        if self._credentials is None or not self._registers:
            return Expiry(fault="only a user is told; give --username" if self._registers else None)
        contact = f"<sip:{secrets.token_hex(8)}@{format_address(line.local)}{_transport(line.protocol)}>"
        try:
            first = await self._register(line, contact, SHORTEST_ASKED)
            if first is None or first.status not in (200, 423):
                return Expiry(fault=_said(first))
            shortest = (
                _granted(first, contact)
                if first.is_success
                else parse_seconds(first.headers.get("Min-Expires"))
            )
            second = await self._register(line, contact, LONGEST_ASKED)
            if second is None or not second.is_success:
                return Expiry(shortest, fault=_said(second))
            longest = _granted(second, contact)
            await self._register(line, contact, 0)
        except OSError as error:
            return Expiry(fault=str(error)[:_LONGEST_TEXT])
        return Expiry(shortest, longest)

    async def _register(self, line: QueryLine, contact: str, expires: int) -> Response | None:
        response: Response | None = None
        for rounds in range(_MOST_ROUNDS):
            request = self._request("REGISTER", line, (("Contact", contact), ("Expires", str(expires))))
            response = await line.ask(request)
            if response is None or not self._learn(request, response, rounds):
                break
        return response

    async def _stun(self, transports: dict[str, Reached]) -> str | None:
        """See whether STUN is answered, at the port of SIP or its own."""
        reached = self._lines.get("udp")
        others = [line.remote[0] for line in self._lines.values()]
        hosts = [reached.remote] if reached is not None else []
        for remote in (*hosts, *((host, STUN_PORT) for host in others[:1])):
            if await _answers_stun(remote):
                return format_address(remote)
        return None

    # --- the requests ----------------------------------------------------------------------------------

    def _request(self, method: str, line: QueryLine, headers: tuple[tuple[str, str], ...] = ()) -> Request:
        self._cseq += 1
        registrar = Uri(host=self._place.host, port=self._place.port)
        username = self._credentials.username if self._credentials is not None else "sipwright-probe"
        aor = Uri(user=username, host=self._place.host)
        name = str(NameAddr(aor if method == "REGISTER" else registrar))
        request = make_request(
            method, str(registrar), from_=str(NameAddr(aor)), to=name, call_id=self._call_id, cseq=self._cseq,
            from_tag=self._tag, via=line.via(f"z9hG4bK{secrets.token_hex(8)}"),
            headers=(*headers, ("Accept", "application/sdp"), ("User-Agent", "Sipwright")),
            contact=f"<sip:{format_address(line.local)}{_transport(line.protocol)}>" if method == "OPTIONS" else None,
        )  # fmt: skip
        if self._credentials is not None and method == "REGISTER" and self._auth.spaces:
            name = self._credentials.auth_username or self._credentials.username
            self._auth.sign(request, name, self._ha1, secrets.token_hex(8))
        return request

    def _learn(self, request: Request, response: Response, rounds: int) -> bool:
        if self._credentials is None:
            return False
        return self._auth.learn(request, response, self._ha1, rounds, 1)

    def _ha1(self, realm: str, algorithm: str) -> str | None:
        if self._credentials is None:
            return None
        name = self._credentials.auth_username or self._credentials.username
        return digest.ha1(name, realm, self._credentials.password, algorithm)


async def _answers_stun(remote: Address) -> bool:
    line, transaction = QueryLine("udp", remote), secrets.token_bytes(12)
    try:
        await line.open()
        question = write_probe(StunProbe(0, remote), transaction)
        reply = await line.ask_raw(question, lambda data: read_reply(data, transaction, remote))
    except OSError:
        return False
    finally:
        line.close()
    return reply is not None


def _transport(protocol: str) -> str:
    return "" if protocol == "udp" else f";transport={protocol}"


def _granted(response: Response, contact: str) -> int | None:
    """Return for how long a 200 says that a contact is bound."""
    own = NameAddr.parse(contact).uri.user
    for one in readable_contacts(response.headers.get_all("Contact")):
        if one.uri.user == own:
            return parse_seconds(one.param("expires")) or response.expires
    return response.expires


def _said(response: Response | None) -> str:
    if response is None:
        return "a REGISTER is not answered"
    return f"a REGISTER is answered {response.status} {response.reason[:_LONGEST_TEXT]}"


def _habits(response: Response) -> Habits:
    headers = response.headers
    software = headers.get("Server") or headers.get("User-Agent")
    return Habits(
        software[:_LONGEST_TEXT] if software else None,
        tuple(headers.get_list("Allow")[:_MOST_LISTED]),
        tuple(headers.get_list("Supported")[:_MOST_LISTED]),
    )


def _challenges(values: list[str]) -> Iterator[dict[str, str]]:
    """Give the parameters of each challenge for digest, those that we could not answer too."""
    for text in [text for value in values for text in split_challenges(value)][:_MOST_LISTED]:
        try:
            challenge = Challenge.parse(text)
        except ParseError:
            continue
        if challenge.scheme.lower() == "digest":
            yield challenge.params


def _words(text: str | None) -> list[str]:
    return [word for word in (text or "").split(",") if word.strip()][:_MOST_LISTED]
