import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sdp.address import connection_text, is_private


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.1.1",
        "fe80::1",
        "FE80::1",
        "febf::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:10.0.0.1",
    ],
)
def test_private(address):
    """RFC 1918, RFC 6598, RFC 3927, RFC 4291 §2.5.6, RFC 4193."""
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "::",
        "127.0.0.1",
        "::1",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "192.0.2.1",
        "2001:db8::1",
        "fec0::1",
        "::ffff:192.0.2.1",
        "224.0.0.1",
        "phone.example.org",
        "10.0.0",
        "10.0.0.256",
        "",
        "10." * 10_000,
    ],
)
def test_not_private(address):
    assert not is_private(address)


@given(st.text())
def test_garbage_is_not_private(text):
    assert is_private(text) in (True, False)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("192.0.2.1", "IP4 192.0.2.1"),
        ("2001:DB8::0001", "IP6 2001:db8::1"),
        ("::ffff:192.0.2.1", "IP4 192.0.2.1"),
        ("fe80::1%eth0", "IP6 fe80::1"),
    ],
)
def test_connection_text(address, text):
    assert connection_text(address) == text


def test_connection_text_of_a_name_is_an_error():
    with pytest.raises(ValueError, match="example"):
        connection_text("example.org")
