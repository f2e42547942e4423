"""Certificates: ours, shown by the name that a client asks for, and what those of servers must say (RFC 5922).

Our files are looked at again as connections come, a second apart at the earliest, so that a renewed certificate is in
use without a restart. One that cannot be read leaves the one before in use, and is told of once.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from sipwright.memo import Bounded
from sipwright.transport.flow import Trust
from sipwright.transport.route import is_ip_address

__all__ = [
    "CertificateError",
    "CertificateFiles",
    "Certificates",
    "TrustError",
    "identities",
    "is_for",
    "matches",
    "names_in",
    "trouble_of",
]

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0

MOST_SHOWN = 1_000
"""Certificates of providers that are kept ready to be shown."""

_DOMAIN_URI = re.compile(r"sip:([^@:;?]+)(?::[0-9]+)?(?:[;?][^@]*)?$", re.IGNORECASE)


class TrustError(ConnectionError):
    """The certificate of a server is not the one that was expected; the text says why."""


class CertificateError(OSError):
    """A certificate of our own that cannot be used; the text says which, and why."""


class CertificateFiles(NamedTuple):
    """The files of one certificate, with those that lead to its authority, and of its key (PEM)."""

    certificate: Path
    key: Path


class _Loaded(NamedTuple):
    stamp: tuple[int, ...]
    context: ssl.SSLContext
    names: tuple[str, ...]


class Certificates:
    """Our certificates, the first one for whoever asks for no name of another, and whom we believe.

    Args:
        files: Of each certificate; with none at all nothing can be accepted, and we show none.
        authorities: A file with authorities to believe beside those of the system.
        clients: A file with authorities whose certificates clients are asked for (RFC 5922 §7.4).
        clock: The time, in seconds.
    """

    def __init__(
        self, files: Sequence[CertificateFiles], *, authorities: Path | None = None, clients: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._files = tuple(files)
        self._authorities = authorities
        self._clients = clients
        self._clock = clock
        self._loaded: dict[CertificateFiles, _Loaded] = {}
        self._unusable: dict[CertificateFiles, tuple[int, ...]] = {}
        """The stamps of files that could not be used, empty where there are none."""
        self._looked_at = float("-inf")
        self._to_dial: dict[bool, ssl.SSLContext] = {}
        self._shown: Bounded[tuple[bool, CertificateFiles], tuple[tuple[int, ...], ssl.SSLContext]] = Bounded(
            MOST_SHOWN
        )

    def load(self) -> None:
        """Read everything.

        Raises:
            CertificateError: A file cannot be read, or a certificate and its key do not belong together.
        """
        for files in self._files:
            try:
                self._loaded[files] = self._load(files)
            except OSError as error:
                raise CertificateError(
                    f"the certificate {files.certificate} with the key {files.key} cannot be used: {_wording(error)}; "
                    "see [sip] certificate and key in sipwright.toml"
                ) from None
        try:
            for verifies in (True, False):
                self.to_dial(verifies=verifies)
        except OSError as error:
            raise CertificateError(
                f"the authorities in {self._authorities} cannot be read: {_wording(error)}; see [sip] authorities"
            ) from None
        self._looked_at = self._clock()

    def accept(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return our side of a connection that was accepted; bytes go in and out by the two buffers."""
        self.look_again()
        context = self._loaded[self._files[0]].context
        return context.wrap_bio(incoming, outgoing, server_side=True)

    def dial(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, trust: Trust) -> ssl.SSLObject:
        """Return our side of a connection that we open; the name goes along, to be shown the right certificate.

        Raises:
            CertificateError: We are to show one there that cannot be used.
        """
        self.look_again()
        verifies = trust.verify != "off"
        context = (
            self.to_dial(verifies=verifies) if trust.shown is None else self._showing(trust.shown, verifies)
        )
        name = None if is_ip_address(trust.domain) or not trust.domain else trust.domain
        return context.wrap_bio(incoming, outgoing, server_side=False, server_hostname=name)

    def look_again(self) -> None:
        """Read again what has changed, if nobody has looked just now."""
        now = self._clock()
        if now < self._looked_at + LOOK_EVERY:
            return
        self._looked_at = now
        for files, loaded in self._loaded.items():
            stamp: tuple[int, ...] = ()
            try:
                stamp = _stamp(files)
                if stamp not in (loaded.stamp, self._unusable.get(files)):
                    self._read_again(files)
            except OSError as error:
                # Perhaps only one of the two was written yet; the next look may find both.
                if self._unusable.get(files) != stamp:
                    log.warning(
                        "certificate not read again", file=str(files.certificate), error=_wording(error)
                    )
                self._unusable[files] = stamp
            else:
                if stamp == loaded.stamp:
                    self._unusable.pop(files, None)

    def _read_again(self, files: CertificateFiles) -> None:
        loaded = self._load(files)
        if files == self._files[0]:
            self._to_dial |= {verifies: self._new_context(verifies, files) for verifies in self._to_dial}
        self._loaded[files] = loaded
        self._unusable.pop(files, None)
        log.info("certificate read again", file=str(files.certificate))

    def snapshot(self) -> tuple[tuple[str, ...], ...]:
        """Return the names that each certificate is for."""
        return tuple(loaded.names for loaded in self._loaded.values())

    # --- inside ----------------------------------------------------------------------------------------

    def _load(self, files: CertificateFiles) -> _Loaded:
        stamp = _stamp(files)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _limit(context)
        context.load_cert_chain(*files, password=_no_pass_phrase)
        if self._clients is not None:
            context.load_verify_locations(self._clients)
            context.verify_mode = ssl.CERT_OPTIONAL
        context.sni_callback = self._choose
        return _Loaded(stamp, context, names_in(files.certificate))

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Show the certificate of the name that was asked for, if there is one (RFC 5922 §7.8)."""
        if name:
            found = [one for one in self._loaded.values() if matches(name, one.names, wildcards=True)]
            if found:
                connection.context = found[0].context

    def _showing(self, shown: tuple[str, str], verifies: bool) -> ssl.SSLContext:
        """Return what connections are opened with that show a certificate of their own, read again when it changes."""
        files = CertificateFiles(*map(Path, shown))
        try:
            stamp, known = _stamp(files), self._shown.get((verifies, files))
            if known is not None and known[0] == stamp:
                return known[1]
            context = self._new_context(verifies, files)
        except OSError as error:
            raise CertificateError(
                f"the certificate {files.certificate} with the key {files.key} cannot be shown: {_wording(error)}"
            ) from None
        self._shown.keep((verifies, files), (stamp, context))
        return context

    def to_dial(self, *, verifies: bool) -> ssl.SSLContext:
        """Return what connections are opened with; whom a certificate is for is left to `is_for`."""
        context = self._to_dial.get(verifies)
        if context is None:
            # Of our own one is shown to those who ask for it.
            context = self._to_dial[verifies] = self._new_context(
                verifies, self._files[0] if self._files else None
            )
        return context

    def _new_context(self, verifies: bool, files: CertificateFiles | None) -> ssl.SSLContext:
        context = ssl.create_default_context() if verifies else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _limit(context)
        # The name is looked at by us: what RFC 5922 says of it is not what OpenSSL does.
        context.check_hostname = False
        if not verifies:
            context.verify_mode = ssl.CERT_NONE
        elif self._authorities is not None:
            context.load_verify_locations(self._authorities)
        if files is not None:
            context.load_cert_chain(*files, password=_no_pass_phrase)
        return context


def _no_pass_phrase() -> str:
    """Say that a key is encrypted: nobody is there to be asked, and OpenSSL would ask, and wait for an answer."""
    raise OSError("the key is encrypted with a pass phrase; store it without one")


def _limit(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _stamp(files: CertificateFiles) -> tuple[int, ...]:
    stats = [path.stat() for path in files]
    return tuple(value for one in stats for value in (one.st_mtime_ns, one.st_size, one.st_ino))


def _wording(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return error.strerror or str(error)


def trouble_of(error: ssl.SSLError) -> TrustError:
    """Return what is wrong with the other end, as a person can read it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TrustError(f"its certificate is not trusted: {error.verify_message}")
    return TrustError(f"TLS failed: {_wording(error)}")


def names_in(path: Path) -> tuple[str, ...]:
    """Return the names that our own certificate is for.

    Raises:
        OSError: The file cannot be read, or holds no certificate.
    """
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (
        ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType
    ) as error:  # fmt: skip
        raise OSError(f"{path} holds no certificate that can be read: {error}") from None
    pairs = [("DNS", name) for name in found.get_values_for_type(x509.DNSName)]
    pairs += [("URI", name) for name in found.get_values_for_type(x509.UniformResourceIdentifier)]
    pairs += [("IP Address", str(one)) for one in found.get_values_for_type(x509.IPAddress)]
    return tuple(
        dict.fromkeys([*identities({"subjectAltName": pairs}), *(name.lower() for _, name in pairs)])
    )


def identities(certificate: Mapping[str, Any]) -> list[str]:
    """Return the SIP domains of a certificate as the ssl module gives it: URIs, and without any DNS names (§7.1)."""
    names: Iterable[tuple[str, str]] = certificate.get("subjectAltName", ())
    pairs = list(names)
    found = []
    for kind, value in pairs:
        uri = _DOMAIN_URI.match(value) if kind == "URI" else None
        if uri is not None:
            found.append(uri[1])
    if not found:
        found = [value for kind, value in pairs if kind == "DNS"]
    return [name.lower().rstrip(".") for name in found] + [
        str(ip_address(value.strip())) for kind, value in pairs if kind == "IP Address"
    ]


def matches(domain: str, names: Iterable[str], *, wildcards: bool = False) -> bool:
    """Return whether a domain is one of the names, as a whole (§7.2); with `wildcards`, `*` may stand for one label."""
    domain = domain.lower().rstrip(".")
    if is_ip_address(domain):
        domain = str(ip_address(domain))
    parent = domain.partition(".")[2]
    return any(name == domain or (wildcards and "." in parent and name == f"*.{parent}") for name in names)


def is_for(trust: Trust, certificate: Mapping[str, Any] | None) -> None:
    """Check that a server's certificate, which is valid, is for whom we look for (RFC 5922 §7.3).

    Raises:
        TrustError: It is for somebody else.
    """
    if trust.verify == "off":
        return
    names = identities(certificate or {})
    if matches(trust.domain, names, wildcards=trust.verify == "wildcard"):
        return
    said = f"it names {', '.join(names[:4])}" if names else "it names no domain"
    if matches(trust.domain, names, wildcards=True):
        said += "; a wildcard counts with --tls-verify wildcard alone"
    raise TrustError(f"its certificate is not for {trust.domain}: {said}")
