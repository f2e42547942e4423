"""What an outside watcher asks of a server: each question answers with milliseconds, or raises `Lost`."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from sipwright.monitor.outside.settings import ServerSettings
from sipwright.monitor.probes.phone import Identity, ProbePhone
from sipwright.monitor.probes.result import Lost
from sipwright.sip import ParseError, Uri
from sipwright.sip.uri import hop_uri
from sipwright.transport import Address, Resolver, Target
from sipwright.transport.dns_lookup import query, system_resolver
from sipwright.transport.route import Routes

__all__ = ["Question", "questions_of"]

PATIENCE = 4.0
"""Seconds that a server may take for an answer."""

DAY = 86_400.0

CERTIFICATE = "certificate"
GOOD = "good"
"""How it begins what is said of a certificate that was seen."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a server is asked for; `advice` is where to look first when it is lost.

    Of a certificate that is seen, and near its end, `text` says that, and not that there is no answer.
    """

    server: str
    kind: str
    ask: Callable[[], Awaitable[float]]
    advice: str

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return f"{self.server}: {self.kind}"

    def text(self, why: str) -> str:
        """Say in words that it is lost."""
        if self.kind != CERTIFICATE:
            return f"{self.server} does not answer {self.kind} ({why})"
        if why.startswith(GOOD):
            return f"the certificate of {self.server}: {why}"
        return f"{self.server} does not show its certificate ({why})"


def questions_of(
    settings: ServerSettings, resolver: Resolver, *, dns: Address | None = None,
    unix_time: Callable[[], float] = time.time,
) -> list[Question]:  # fmt: skip
    """Return all that a server is asked for; `dns` is the name server, if not those of the system."""
    sip = _SipServer(settings, resolver)
    found: list[Question] = []

    def add(kind: str, ask: Callable[[], Awaitable[float]], advice: str) -> None:
        found.append(Question(settings.name, kind, ask, advice))

    if settings.options:
        add(
            "OPTIONS",
            sip.options,
            "is the machine reachable (ping, ssh), does 'sipwright status' answer there?",
        )
    if settings.register_:
        add(
            "REGISTER",
            sip.register,
            "'sipwright status' and the log there; has the password of the probe changed?",
        )
    if settings.call:
        add("call", sip.call, "'sipwright trace last' there says which step of the call has failed")
    if settings.https:
        add(
            "HTTPS",
            lambda: _https(settings.https),
            "the process of the pages: 'systemctl status sipwright', its log",
        )
    if settings.ssh:
        add("SSH", lambda: _ssh(settings.ssh), "is the machine reachable, and does [ssh] listen there?")
    if settings.srv:
        add("DNS SRV", lambda: _srv(settings.srv, dns), "the zone of that name and its name servers")
    if settings.certificate:
        add(
            CERTIFICATE,
            lambda: _certificate(settings.certificate, settings.days * DAY, unix_time),
            "is it there, and reachable? If the end is near: why has the renewal (certbot, acme.sh) not run? If it is "
            "far off: 'date' at the watcher",
        )
    return found


class _SipServer:
    """A SIP server, found by its name anew for each question (RFC 3263), as by any phone that has just started."""

    def __init__(self, settings: ServerSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._routes = Routes()

    async def options(self) -> float:
        uri = _sip_uri(self._settings.options)
        return await self._with_phone(uri, lambda phone: phone.options(str(uri)))

    async def register(self) -> float:
        uri = _sip_uri(self._settings.register_)
        return await self._with_phone(uri, lambda phone: phone.fetch_registration())

    async def call(self) -> float:
        uri = _sip_uri(self._settings.call)
        return await self._with_phone(uri, lambda phone: phone.call(str(uri), self._settings.answer))

    async def _with_phone(self, uri: Uri, ask: Callable[[ProbePhone], Awaitable[float]]) -> float:
        target = await self._find(uri)
        who = Identity(self._settings.username or uri.user or "probe", uri.host, self._settings.password)
        try:
            host = self._routes.local_host(target.host)
        except OSError as error:
            raise Lost(f"no way leads to {target.host}: {error.strerror or error}") from None
        phone = ProbePhone(target, host=host, caller=who, callee=who, patience=PATIENCE, is_called=False)
        try:
            await phone.open()
        except OSError as error:
            raise Lost(f"there is no socket for it: {error.strerror or error}") from None
        try:
            return await ask(phone)
        finally:
            await phone.close()

    async def _find(self, uri: Uri) -> Target:
        try:
            targets = await self._resolver.resolve(uri)
        except OSError as error:
            raise Lost(f"{uri.host} is not found: {error}") from None
        if not targets:
            raise Lost(f"{uri.host} is not found")
        return targets[0]


def _sip_uri(text: str) -> Uri:
    try:
        return hop_uri(text)
    except ParseError as error:
        raise Lost(f"{text!r} is no SIP address: {error}") from None


async def _https(url: str) -> float:
    import httpx2

    began = time.perf_counter()
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            response = await client.get(url)
    except httpx2.HTTPError as error:
        raise Lost(f"no answer: {str(error) or type(error).__name__}") from None
    if response.status_code >= 400 and response.status_code != 401:  # who asks for a password is there
        raise Lost(f"it answers {response.status_code} {response.reason_phrase}")
    return _since(began)


async def _ssh(place: str) -> float:
    host, port = _place(place, 22)
    began = time.perf_counter()
    reader, writer = await _connect(host, port)
    try:
        async with asyncio.timeout(PATIENCE):
            said = await reader.readline()
    except TimeoutError:
        raise Lost(f"connected, but it says nothing within {PATIENCE:g} s") from None
    except (OSError, ValueError):
        said = b""
    finally:
        await _hang_up(writer)
    if not said.startswith(b"SSH-"):
        raise Lost("it does not say that it speaks SSH")
    return _since(began)


async def _srv(name: str, server: Address | None) -> float:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            found, _ = await query(system_resolver(server), name, "SRV")
    except (OSError, TimeoutError) as error:
        raise Lost(f"{name} is not found: {error or 'no answer in time'}") from None
    if not found:
        raise Lost(f"there is no SRV record {name}")
    return _since(began)


async def _certificate(place: str, least: float, unix_time: Callable[[], float]) -> float:
    """Look at a certificate as it is shown, whoever has signed it: only its time counts here."""
    from cryptography import x509

    host, port = _place(place, 443)
    began = time.perf_counter()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await _connect(host, port, context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await _hang_up(writer)
    until = x509.load_der_x509_certificate(shown).not_valid_after_utc
    left = until.timestamp() - unix_time()
    if left < least:
        day = datetime.fromtimestamp(until.timestamp(), UTC).strftime("%d %b %Y")
        today = datetime.fromtimestamp(unix_time(), UTC).strftime("%d %b %Y")
        raise Lost(f"{GOOD} until {day}, and it is {today} here")
    return _since(began)


async def _connect(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.open_connection(
                host, port, ssl=context, server_hostname=host if context is not None else None
            )
    except TimeoutError:
        raise Lost(f"no connection to {host}:{port} within {PATIENCE:g} s") from None
    except (OSError, socket.gaierror, ssl.SSLError) as error:
        raise Lost(f"no connection to {host}:{port}: {error.strerror or error}") from None


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _place(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        return parts.hostname or text, parts.port or port
    except ValueError:
        raise Lost(f"{text!r} is no HOST:PORT") from None


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1_000, 3)
