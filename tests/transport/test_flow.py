import pytest

from sipwright.transport import Flow, format_address, parse_address, parse_flow_key
from sipwright.transport.flow import FlowKey, is_wildcard, shown_flow


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:5070", ("192.0.2.1", 5070)),
        ("192.0.2.1", ("192.0.2.1", 5060)),
        ("[2001:db8::1]:5070", ("2001:db8::1", 5070)),
        ("[::]", ("::", 5060)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_an_address_is_read_with_and_without_a_port(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":5060", "a:", "a:b", "a:70000", "[::1", "[::1]x", "[::1]:", "[]:5060", "a:٣", "::1"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"not an address|port out of range"):
        parse_address(text)


def test_an_address_is_written_as_it_is_read():
    assert [format_address(parse_address(text)) for text in ("192.0.2.1:1", "[::1]:2")] == [
        "192.0.2.1:1",
        "[::1]:2",
    ]


def test_a_key_can_be_taken_apart_again():
    flow = Flow("udp", ("127.0.0.1", 5060), ("2001:db8::2", 5062))

    assert flow.key == "udp/127.0.0.1:5060/[2001:db8::2]:5062"
    assert parse_flow_key(flow.key) == FlowKey("udp", ("127.0.0.1", 5060), ("2001:db8::2", 5062))
    assert repr(flow) == "<Flow udp/127.0.0.1:5060/[2001:db8::2]:5062>"


def test_the_serial_of_a_connection_is_shown_to_nobody():
    flow = Flow("tls", ("127.0.0.1", 5061), ("2001:db8::2", 40_112), "5b39e2a")

    assert flow.key == "tls/127.0.0.1:5061;5b39e2a/[2001:db8::2]:40112"
    assert parse_flow_key(f"north!{flow.key}").serial == "5b39e2a"
    assert shown_flow(f"north!{flow.key}") == "north!tls/127.0.0.1:5061/[2001:db8::2]:40112"
    assert shown_flow("udp/127.0.0.1:5060/192.0.2.1:5062") == "udp/127.0.0.1:5060/192.0.2.1:5062"


@pytest.mark.parametrize("key", ["", "udp", "udp/1.2.3.4:5", "/1.2.3.4:5/1.2.3.4:6", "udp/1.2.3.4:5/x:y"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match="not a"):
        parse_flow_key(key)


def test_a_plain_flow_stands_for_itself_and_cannot_send():
    flow = Flow("tcp", ("127.0.0.1", 5060), ("127.0.0.1", 5062))
    flow.add_alias(("127.0.0.1", 5060))

    assert flow.redirected(1) is flow
    with pytest.raises(NotImplementedError):
        flow.send(b"")
    with pytest.raises(NotImplementedError):
        _ = flow.is_closed


def test_wildcards_are_the_two_unspecified_addresses():
    assert [is_wildcard(host) for host in ("0.0.0.0", "::", "127.0.0.1", "::1")] == [True, True, False, False]
