import os

import pytest
from structlog.testing import capture_logs

from authority import Authority
from sipwright.transport.certificates import (
    CertificateError,
    CertificateFiles,
    Certificates,
    TrustError,
    identities,
    is_for,
    matches,
    names_in,
)
from sipwright.transport.flow import Trust


def shown(*pairs):
    return {"subjectAltName": pairs}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((("DNS", "Example.net"), ("DNS", "example.org")), ["example.net", "example.org"]),
        ((("URI", "sip:example.net"), ("DNS", "example.org")), ["example.net"]),
        ((("URI", "SIP:example.net:5061;x=y"), ("DNS", "example.org")), ["example.net"]),
        ((("URI", "sips:example.net"), ("DNS", "example.org")), ["example.org"]),
        ((("URI", "sip:bob@example.net"), ("DNS", "example.org")), ["example.org"]),
        ((("URI", "https://example.net"),), []),
        ((("IP Address", "192.0.2.1"), ("IP Address", "2001:DB8:0:0:0:0:0:1")), ["192.0.2.1", "2001:db8::1"]),
        ((("email", "bob@example.net"),), []),
        ((), []),
    ],
)
def test_the_domains_of_a_certificate(pairs, expected):
    """RFC 5922 §7.1: URIs of domains; DNS names if there is none."""
    assert identities(shown(*pairs)) == expected


@pytest.mark.parametrize(
    ("domain", "name", "verify", "is_right"),
    [
        ("example.net", "example.net", "on", True),
        ("EXAMPLE.net.", "example.net", "on", True),
        ("sip.example.net", "example.net", "on", False),
        ("example.net", "sip.example.net", "on", False),
        ("sip.example.net", "*.example.net", "on", False),
        ("sip.example.net", "*.example.net", "wildcard", True),
        ("a.b.example.net", "*.example.net", "wildcard", False),
        ("example.net", "*.example.net", "wildcard", False),
        ("example.net", "*.net", "wildcard", False),
        ("sip.example.net", ".example.net", "wildcard", False),
        ("example.org", "example.net", "wildcard", False),
        ("example.org", "example.net", "off", True),
        ("192.0.2.1", "192.0.2.1", "on", True),
        ("2001:db8:0::1", "2001:db8::1", "on", True),
    ],
)
def test_whether_a_certificate_is_for_a_domain(domain, name, verify, is_right):
    """RFC 5922 §7.2: as a whole, without wildcards, unless somebody has said so."""
    kind = "IP Address" if name[0].isdigit() else "DNS"
    if is_right:
        is_for(Trust(domain, verify), shown((kind, name)))
    else:
        with pytest.raises(TrustError, match=f"not for {domain}"):
            is_for(Trust(domain, verify), shown((kind, name)))


def test_a_refused_wildcard_says_what_to_do():
    with pytest.raises(TrustError, match="--tls-verify wildcard"):
        is_for(Trust("sip.example.net"), shown(("DNS", "*.example.net")))


def test_a_certificate_without_names_is_for_nobody():
    with pytest.raises(TrustError, match="names no domain"):
        is_for(Trust("example.net"), None)


def test_a_wildcard_stands_for_one_label():
    assert matches("a.example.net", ["*.example.net"], wildcards=True)
    assert not matches("a.example.net", ["*.example.net"])


def test_our_own_names_are_read_from_the_file(tmp_path):
    files = Authority(tmp_path).issue("sip.example.net", "sip:example.net", "192.0.2.1")

    assert set(names_in(files.certificate)) >= {"sip.example.net", "example.net", "192.0.2.1"}


def test_a_certificate_without_a_name_is_one(tmp_path):
    assert names_in(Authority(tmp_path).issue().certificate) == ()


def test_what_cannot_be_used_is_named(tmp_path):
    authority = Authority(tmp_path)
    one, other = authority.issue("a.example"), authority.issue("b.example")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n")
    for certificate, key in (
        (one.certificate, other.key),
        (tmp_path / "missing.crt", one.key),
        (garbage, one.key),
    ):
        with pytest.raises(CertificateError, match=str(certificate.name)):
            Certificates([CertificateFiles(certificate, key)]).load()
    with pytest.raises(CertificateError, match="authorities"):
        Certificates([one], authorities=garbage).load()


def test_files_that_change_are_read_again_a_second_apart(tmp_path):
    now = [0.0]
    authority = Authority(tmp_path)
    files = authority.issue("old.example", file="own")
    certificates = Certificates([files], clock=lambda: now[0])
    certificates.load()
    before = certificates.snapshot()
    authority.issue("new.example", file="own")
    os.utime(files.key, ns=(1, 1))

    certificates.look_again()
    assert certificates.snapshot() == before
    now[0] += 1.0
    certificates.look_again()
    assert certificates.snapshot() == (("new.example",),)
    files.key.write_text("half of a k")  # somebody is just writing it
    now[0] += 1.0
    certificates.look_again()
    assert certificates.snapshot() == (("new.example",),)


def _half_a_key(authority, files):
    files.key.write_text("half of a k")


def _key_of_another(authority, files):
    os.replace(authority.issue("other.example").key, files.key)


def _key_with_a_pass_phrase(authority, files):
    authority.issue("locked.example", file="own", pass_phrase=b"secret")


def _no_file(authority, files):
    files.certificate.unlink()


def _nothing_in_it(authority, files):
    files.certificate.write_bytes(b"")


@pytest.mark.parametrize(
    "harm", [_half_a_key, _key_of_another, _key_with_a_pass_phrase, _no_file, _nothing_in_it]
)
def test_what_cannot_be_used_leaves_the_one_before_and_is_told_of_once(tmp_path, harm):
    """For both directions: what we open goes on showing the one before. However often somebody connects meanwhile."""
    now = [0.0]
    authority = Authority(tmp_path)
    files = authority.issue("old.example", file="own")
    certificates = Certificates([files], clock=lambda: now[0])
    certificates.load()
    dialled = [certificates.to_dial(verifies=verifies) for verifies in (True, False)]
    harm(authority, files)
    with capture_logs() as logs:
        for _ in range(5):
            now[0] += 1.0
            certificates.look_again()

    assert [entry["event"] for entry in logs] == ["certificate not read again"]
    assert certificates.snapshot() == (("old.example",),)
    assert [certificates.to_dial(verifies=verifies) for verifies in (True, False)] == dialled
    authority.issue("new.example", file="own")
    now[0] += 1.0
    with capture_logs() as logs:
        certificates.look_again()
    assert [entry["event"] for entry in logs] == ["certificate read again"]
    assert certificates.snapshot() == (("new.example",),)
    assert certificates.to_dial(verifies=True) is not dialled[0]


def test_a_key_with_a_pass_phrase_is_refused_and_nobody_is_asked(tmp_path):
    """OpenSSL would ask on the terminal, and the switch would stand still until somebody answers."""
    files = Authority(tmp_path).issue("a.example", pass_phrase=b"secret")

    with pytest.raises(CertificateError, match="the key is encrypted with a pass phrase"):
        Certificates([files]).load()
