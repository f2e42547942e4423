"""How scanners give themselves away, and who is none."""

import pytest

from sipwright.services.guard.scanners import scanner_of
from sipwright.sip import parse


def request(uri="sip:bob@example.org", sender="sip:alice@example.net", agent="phone 1.0"):
    return parse(
        f"OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <{sender}>;tag=1\r\n"
        f"To: <{uri}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n".encode()
    )


@pytest.mark.parametrize(
    "agent",
    ["friendly-scanner", "Friendly-Scanner 0.2", "sipvicious", "SIPVicious 1", "pplsip", "sundayddr", "sipcli/v1.8",
     "VaxSIPUserAgent/3.1", "sip-scan", "iWar", "SIVuS", "smap 0.6", "Gulp", "sipptk", "friendly-request"],
)  # fmt: skip
def test_programs_that_scan_are_known(agent):
    assert scanner_of(request(agent=agent), lambda user: True) is not None


@pytest.mark.parametrize(
    "agent",
    ["baresip 1.0", "sipsak 0.9.8", "Yealink SIP-T46U", "Linphone/5", "Gulpener 1", "smapp", "Zoiper rv2.10"],
)
def test_phones_and_tools_are_no_scanners(agent):
    assert scanner_of(request(agent=agent), lambda user: False) is None


def test_an_address_that_nobody_calls_from_is_one():
    assert scanner_of(request(sender="sip:100@1.1.1.1"), lambda user: True) == "From 1.1.1.1"
    assert scanner_of(request(sender="sip:100@192.0.2.7"), lambda user: True) is None


def test_the_first_extension_is_one_unless_somebody_has_it():
    asked = request(uri="sip:100@192.0.2.7")

    assert scanner_of(asked, lambda user: False) == "sip:100@"
    assert scanner_of(asked, lambda user: user == "100") is None
    assert scanner_of(request(uri="sip:1000@192.0.2.7"), lambda user: False) is None
