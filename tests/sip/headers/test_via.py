"""The way back, and the stamp of where a request came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import ParseError, Via

# What nearly every phone writes, and what only looks like it.
LINES = [
    ("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport", True),
    ("SIP/2.0/TCP phone.example;branch=z9hG4bK1", True),
    ("SIP/2.0/UDP 10.0.0.1:60000;branch=z9hG4bK1;rport, SIP/2.0/UDP h", False),
    ("SIP/2.0/UDP 10.0.0.1:64999;branch=z9hG4bK1", True),
    ("SIP/2.0/UDP 10.0.0.1:65000;branch=z9hG4bK1", False),
    ("SIP/2.0/UDP Phone;branch=z9hG4bK1", False),
    ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1", True),
    ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1;received=10.0.0.2", True),
    ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport=5062;received=10.0.0.2", True),
    ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport=123456", False),
    ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=[::1]", False),
    ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1;rport", False),
    ("x: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", False),
]


def parts(via):
    return (via.protocol, via.transport, via.host, via.port, dict(via.params))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport",
            ("SIP/2.0", "UDP", "10.0.0.1", 5060, {"branch": "z9hG4bK1", "rport": None}),
        ),
        ("SIP/2.0/tcp Host.Example.COM", ("SIP/2.0", "TCP", "host.example.com", None, {})),
        ("SIP/2.0/TLS [2001:DB8::9:1]:5061;x", ("SIP/2.0", "TLS", "2001:db8::9:1", 5061, {"x": None})),
        (
            "SIP  / 2.0  / UDP\t 192.0.2.2 : 390 ; Branch = z9 ",
            ("SIP/2.0", "UDP", "192.0.2.2", 390, {"branch": "z9"}),
        ),
        ("sip/2.0/UDP h", ("SIP/2.0", "UDP", "h", None, {})),
        ("SIP/2.0/X-NEW h;ttl=16;maddr=a", ("SIP/2.0", "X-NEW", "h", None, {"ttl": "16", "maddr": "a"})),
    ],
)  # fmt: skip
def test_the_parts_of_a_via(text, expected):
    via = Via.parse(text)

    assert parts(via) == expected
    assert str(via) == text


@pytest.mark.parametrize("name", ["Via: ", "v:", "VIA : \t"])
@pytest.mark.parametrize(("text", "is_usual"), LINES)
def test_a_usual_line_is_read_at_once(name, text, is_usual):
    via = Via.of_line(name + text)

    assert (via is not None) == is_usual
    assert Via.branch_of_line(name + text) == (via.branch if via is not None else None)
    if via is not None:
        assert (str(via), parts(via)) == (text, parts(Via.parse(text)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Via is not a protocol, a transport and an address"),
        ("SIP/2.0/UDP", "Via is not a protocol, a transport and an address"),
        ("SIP/2.0 10.0.0.1", "Via is not a protocol, a transport and an address"),
        ("SIP/2.0/UDP 10.0.0.1:", "Via is not a protocol, a transport and an address"),
        ("SIP/2.0/UDP 10.0.0.1 x", "Via is not a protocol, a transport and an address"),
        ("SIP/2.0/UDP 10.0.0.1:70000", "Via has a port above 65535: 70000"),
        ("SIP/2.0/UDP h;branch=a;branch=b", "Via has the parameter branch twice"),
        ("SIP/2.0/UDP h;;", "Via has a parameter that cannot be read at ';;'"),
    ],
)
def test_what_is_wrong_with_a_via(text, reason):
    with pytest.raises(ParseError) as caught:
        Via.parse(text)

    assert (caught.value.reason, caught.value.header) == (reason, "Via")


@pytest.mark.parametrize(
    ("params", "branch", "received", "rport"),
    [
        ("", None, None, None),
        (";rport", None, None, None),
        (";branch=z9;received=10.0.0.2;rport=5062", "z9", "10.0.0.2", 5062),
        (";received=[2001:db8::1];rport=x", None, "2001:db8::1", None),
        (";received=2001:db8::1;rport=٣", None, "2001:db8::1", None),
    ],
)
def test_the_parameters_that_route(params, branch, received, rport):
    via = Via.parse("SIP/2.0/UDP h" + params)

    assert (via.branch, via.received, via.rport) == (branch, received, rport)


@pytest.mark.parametrize("text", ["h", "h:5060", "[::1]", "[::1]:5060"])
def test_sent_by_is_as_in_the_header(text):
    assert Via.parse(f"SIP/2.0/UDP {text}").sent_by == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # RFC 3261 §18.2.1: only a source that differs is noted.
        ("SIP/2.0/UDP 10.0.0.9:5070;branch=z", "SIP/2.0/UDP 10.0.0.9:5070;branch=z"),
        ("SIP/2.0/UDP h:5070;branch=z", "SIP/2.0/UDP h:5070;branch=z;received=10.0.0.9"),
        # RFC 3581 §4: when the port is asked for, both are given, even if they do not differ.
        ("SIP/2.0/UDP 10.0.0.9;rport;branch=z", "SIP/2.0/UDP 10.0.0.9;rport=5062;branch=z;received=10.0.0.9"),
        # What the sender wrote there counts for nothing.
        ("SIP/2.0/UDP 10.0.0.9;received=1.1.1.1", "SIP/2.0/UDP 10.0.0.9;received=10.0.0.9"),
        (
            "SIP/2.0/UDP 10.0.0.9;rport=1;received=1.1.1.1",
            "SIP/2.0/UDP 10.0.0.9;rport=5062;received=10.0.0.9",
        ),
        ('SIP/2.0/UDP h;x=";rport;";rport', 'SIP/2.0/UDP h;x=";rport;";rport=5062;received=10.0.0.9'),
        ("SIP/2.0/UDP h;rport-x;rport", "SIP/2.0/UDP h;rport-x;rport=5062;received=10.0.0.9"),
        ("SIP/2.0/UDP h;rport=;branch=z;", "SIP/2.0/UDP h;rport=5062;branch=z;received=10.0.0.9"),
        ("SIP/2.0/UDP h;branch=z;rport;", "SIP/2.0/UDP h;branch=z;rport=5062;received=10.0.0.9"),
        ("SIP/2.0/UDP h;branch=z;", "SIP/2.0/UDP h;branch=z;received=10.0.0.9"),
        ("SIP/2.0/UDP h;Rport", "SIP/2.0/UDP h;rport=5062;received=10.0.0.9"),
        # Whatever is not touched stays as it was written.
        ("SIP / 2.1/UDP [::2]:1;rport", "SIP / 2.1/UDP [::2]:1;rport=5062;received=10.0.0.9"),
    ],
)
def test_the_source_is_stamped(before, after):
    via = Via.parse(before)

    assert via.note_source("10.0.0.9", 5062) == (after if after != before else None)
    assert str(via) == after
    assert parts(via) == parts(Via.parse(after))


def test_building_a_via():
    via = Via("udp", "[2001:DB8::1]", 5060, {"branch": "z9hG4bK1", "rport": None})

    assert str(via) == "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport"
    assert repr(via) == "Via('SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport')"
    assert str(Via("TCP", "h")) == "SIP/2.0/TCP h"


@given(
    transport=st.sampled_from(["UDP", "TCP", "TLS", "WS", "WSS"]),
    host=st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str),
    port=st.none() | st.integers(0, 65535),
    branch=st.from_regex(r"z9hG4bK[A-Za-z0-9.\-]{1,30}", fullmatch=True),
)
def test_a_built_via_reads_back(transport, host, port, branch):
    via = Via(transport, host, port, {"branch": branch, "rport": None})

    assert parts(Via.parse(str(via))) == parts(via)
