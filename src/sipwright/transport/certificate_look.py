"""What a server shows over TLS, and what is wrong with it (RFC 5922 §7.3), for people who want to know."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from sipwright.transport.certificates import Certificates, TrustError, identities, is_for, trouble_of
from sipwright.transport.flow import Trust, Verify
from sipwright.transport.query_line import QueryLine
from sipwright.transport.route import is_ip_address

__all__ = ["ShownCertificate", "TlsLook", "look_at_tls"]


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """One certificate of a chain; `until` is Unix time."""

    subject: str
    issuer: str
    until: float


@dataclass(frozen=True, slots=True)
class TlsLook:
    """What was seen: `fault` is why the server is not believed, `verify` how little must be asked for it to be."""

    version: str | None = None
    names: tuple[str, ...] = ()
    chain: tuple[ShownCertificate, ...] = ()
    fault: str | None = None
    verify: Verify = "on"


async def look_at_tls(line: QueryLine, domain: str, certificates: Certificates) -> tuple[QueryLine, TlsLook]:
    """Connect to a server, and say what it shows; the line that is returned is open, and a new one where it had to be.

    Raises:
        OSError: There is no TLS at all.
    """
    name = None if is_ip_address(domain) else domain
    fault: OSError | None = None
    try:
        await line.open(certificates.to_dial(verifies=True), name)
    except ssl.SSLCertVerificationError as error:
        fault = trouble_of(error)
        line = QueryLine(line.protocol, line.remote)
        await line.open(certificates.to_dial(verifies=False), name)
    tls = line.tls
    assert tls is not None
    shown = _chain(tls)
    verify: Verify = "off"
    if fault is None:
        verify, fault = _least(domain, tls.getpeercert())
    names = tuple(_names_of(shown[0])) if shown else ()
    chain = tuple(_described(one) for one in shown)
    return line, TlsLook(tls.version(), names, chain, None if fault is None else str(fault), verify)


def _least(domain: str, certificate: Any) -> tuple[Verify, OSError | None]:
    """Return how a valid certificate can be looked at so that it counts, and what the strict look says."""
    first: OSError | None = None
    ways: tuple[Verify, ...] = ("on", "wildcard")
    for verify in ways:
        try:
            is_for(Trust(domain, verify), certificate)
        except TrustError as error:
            first = first or error
        else:
            return verify, first
    return "off", first


def _chain(tls: ssl.SSLObject) -> list[Any]:
    """Return the certificates as they were sent, the server's own first."""
    from cryptography import x509

    inside = getattr(
        tls, "_sslobj", tls
    )  # before Python 3.13 only what is inside can be asked for the whole chain
    ask = getattr(inside, "get_unverified_chain", None)
    sent = [one if isinstance(one, bytes) else one.public_bytes(2) for one in (ask() if ask else None) or ()]
    own = tls.getpeercert(binary_form=True)
    found = []
    for der in sent or ([own] if own else []):
        try:
            found.append(x509.load_der_x509_certificate(der))
        except ValueError:
            break
    return found


def _names_of(certificate: Any) -> list[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    pairs = [("URI", name) for name in found.get_values_for_type(x509.UniformResourceIdentifier)]
    pairs += [("DNS", name) for name in found.get_values_for_type(x509.DNSName)]
    pairs += [("IP Address", str(one)) for one in found.get_values_for_type(x509.IPAddress)]
    return identities({"subjectAltName": pairs})


def _described(certificate: Any) -> ShownCertificate:
    return ShownCertificate(
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        certificate.not_valid_after_utc.timestamp(),
    )
