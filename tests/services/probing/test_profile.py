"""What is kept of a provider, and what of it counts as a change."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from sipwright.services.probing import (
    Authentication,
    Expiry,
    Habits,
    Profile,
    ProfileError,
    Reached,
    drift,
    read_profile,
)
from sipwright.transport.certificate_look import ShownCertificate, TlsLook
from sipwright.transport.domain_records import DomainRecords

PROFILE = Profile(
    "sip.example.net",
    1_000.0,
    "sip.example.net;transport=tls",
    "wildcard",
    True,
    DomainRecords((), ("udp 10 0 5060 a.example.net",), ("192.0.2.1",)),
    {"udp": Reached("192.0.2.1:5060", 200, "OK"), "tcp": Reached(fault="Connection refused")},
    TlsLook("TLSv1.3", ("example.net",), (ShownCertificate("CN=a", "CN=b", 2_000.0),), None),
    Authentication(401, ("example.net",), ("MD5", "SHA-256"), ("auth",)),
    Expiry(60, 3_600),
    Habits("Example 1.0", ("INVITE", "BYE"), ("path",)),
    True,
    "192.0.2.1:3478",
)


def test_a_profile_is_read_as_it_was_written():
    assert read_profile(orjson.dumps(PROFILE.as_json())) == PROFILE


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 1}', '{"format": 2, "host": "h", "probed_at": 1, "server": "s"}',
     '{"format": 1, "host": 1, "probed_at": 1, "server": "s"}',
     '{"format": 1, "host": "h", "probed_at": "x", "server": "s"}',
     '{"format": 1, "host": "h", "probed_at": 1, "server": "s", "transports": [1]}',
     '{"format": 1, "host": "h", "probed_at": 1, "server": "s", "tls": {}}'],
)  # fmt: skip
def test_what_is_no_profile_is_refused(text):
    with pytest.raises(ProfileError):
        read_profile(text)


def test_what_a_later_release_of_this_format_adds_is_left_out():
    parts = PROFILE.as_json()
    parts["expiry"]["usual"] = 600

    assert read_profile(orjson.dumps(parts)) == PROFILE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"dns": replace(PROFILE.dns, srv=("udp 20 0 5060 b.example.net",))},
         ["its SRV records were udp 10 0 5060 a.example.net and are udp 20 0 5060 b.example.net"]),
        ({"dns": DomainRecords(fault="silence")}, []),
        ({"transports": {"udp": Reached(fault="it says nothing"), "tcp": Reached("a", 200, "OK")}},
         ["it does not answer over UDP any more", "it answers over TCP now"]),
        ({"tls": TlsLook("TLSv1.3", ("example.net",), (ShownCertificate("CN=a", "CN=b", 9_000.0),))}, []),
        ({"tls": replace(PROFILE.tls, fault="its certificate is not trusted: certificate has expired")},
         ["its certificate is not believed: its certificate is not trusted: certificate has expired"]),
        ({"tls": replace(PROFILE.tls, names=("other.example",))},
         ["its certificate names other.example, not example.net"]),
        ({"tls": None}, []),
        ({"authentication": replace(PROFILE.authentication, algorithms=("SHA-256", "MD5"))}, []),
        ({"authentication": replace(PROFILE.authentication, algorithms=("SHA-256",), realms=("r",))},
         ["it asks for SHA-256, not for MD5, SHA-256", "its realm is r, not example.net"]),
        ({"authentication": Authentication(403)},
         ["a REGISTER without credentials is answered 403, not 401", "it asks for nothing, not for MD5, SHA-256",
          "its realm is nothing, not example.net"]),
        ({"authentication": Authentication()}, []),
        ({"expiry": Expiry(60, 600)}, ["its longest registration is one of 600 s, not 3600 s"]),
        ({"expiry": Expiry(fault="only a user is told")}, []),
        ({"options": Habits("Example 2.0", ("INVITE", "BYE"))}, []),
        ({"options": Habits(None, ("INVITE",))}, ["it allows INVITE, not BYE, INVITE"]),
    ],
)  # fmt: skip
def test_only_what_somebody_should_look_at_is_a_change(changes, said):
    assert drift(PROFILE, replace(PROFILE, **changes)) == said
