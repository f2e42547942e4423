"""The certificates of the settings: that of the pages, and those of SIP.

That of the pages is read by the switch to see whether it is one, and by the process that serves them.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sipwright.config import SIP_CERTIFICATE, SIP_KEY
from sipwright.transport.certificates import CertificateFiles, Certificates

if TYPE_CHECKING:
    from cryptography import x509

    from sipwright.config import Settings

__all__ = [
    "believed_certificates",
    "certificate_files",
    "ensure_sip_certificate",
    "sip_certificates",
    "tls_context",
]

_VALID = datetime.timedelta(days=3650)


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Read the certificate of ``[web]`` and its key, None where there is none.

    Raises:
        OSError: They cannot be read, or do not belong together.
    """
    if not settings.web.certificate:
        return None
    folder = settings.data_dir
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(folder / settings.web.certificate, folder / settings.web.key)
    return context


def believed_certificates(settings: Settings) -> Certificates:
    """Return whom we believe, for who connects to others and shows nothing of ours."""
    sip = settings.sip
    return Certificates((), authorities=settings.data_dir / sip.authorities if sip.authorities else None)


def sip_certificates(settings: Settings) -> Certificates:
    """Return what the settings say about certificates of SIP; nothing is read yet but that there is one.

    Raises:
        OSError: There is none, and none can be made.
    """
    sip, folder = settings.sip, settings.data_dir
    if sip.tls or sip.wss:
        ensure_sip_certificate(settings, sip.domains)
    files = [CertificateFiles(folder / sip.certificate, folder / sip.key)]
    files += [CertificateFiles(folder / one.certificate, folder / one.key) for one in sip.certificates]
    return Certificates(
        files,
        authorities=folder / sip.authorities if sip.authorities else None,
        clients=folder / sip.client_authorities if sip.client_authorities else None,
    )


def certificate_files(settings: Settings) -> list[Path]:
    """Return the files of the certificates that are shown to others, by SIP and by the pages."""
    sip, folder = settings.sip, settings.data_dir
    names = [settings.web.certificate] if settings.web.certificate else []
    if sip.tls or sip.wss:
        names += [sip.certificate, *(one.certificate for one in sip.certificates)]
    return [folder / name for name in names]


def ensure_sip_certificate(settings: Settings, domains: Iterable[str]) -> None:
    """Make a certificate for SIP that nobody vouches for, unless there is one, or another one is named.

    Raises:
        OSError: It cannot be written.
    """
    sip, folder = settings.sip, settings.data_dir
    certificate, key = folder / sip.certificate, folder / sip.key
    if (sip.certificate, sip.key) != (SIP_CERTIFICATE, SIP_KEY) or certificate.exists() or key.exists():
        return
    names = list(
        dict.fromkeys([*domains, *([sip.public_address] if sip.public_address else []), "localhost"])
    )
    text, secret = _self_signed(names)
    _write(key, secret, 0o600)
    _write(certificate, text, 0o644)


def _self_signed(names: list[str]) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


def _name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
