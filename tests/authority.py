"""An authority of the tests: certificates for whatever names, as files."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sipwright.transport.certificates import CertificateFiles


def _general(name):
    if name.startswith("sip"):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Signs certificates, and puts them into a folder."""

    def __init__(self, folder, name="test authority"):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        own = self._signed(self._name, self._key, [], is_authority=True)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(own)
        self._count = 0

    def issue(self, *names, file=None, days=10, pass_phrase=None):
        """Write a certificate for some names, and its key; one that has expired has less than no days."""
        self._count += 1
        stem = file or f"{self.file.stem}-{self._count}"
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"number {self._count}")])
        files = CertificateFiles(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(pass_phrase)
                if pass_phrase
                else serialization.NoEncryption(),
            )
        )
        files.certificate.write_bytes(self._signed(subject, key, names, days=days))
        return files

    def client(self, files=None):
        """Return what a client that believes in this authority begins with."""
        context = ssl.create_default_context(cafile=self.file)
        context.check_hostname = False
        if files is not None:
            context.load_cert_chain(*files)
        return context

    def _signed(self, subject, key, names, *, is_authority=False, days=10):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=20))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
