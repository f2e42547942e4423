"""The INVITE that a leg is sent, beside that of its caller."""

import pytest


def invite(alice, **headers):
    request = alice.request("INVITE", "sip:bob@example.org")
    for name, value in headers.items():
        request.headers.set(name, value)
    alice.send(request)


@pytest.mark.parametrize(
    ("sender", "written"),
    [
        (
            '"Alice, \\"A\\""  <sip:alice@elsewhere.net;x=1>;tag=a',
            '"Alice, \\"A\\""  <sip:alice@elsewhere.net;x=1>',
        ),
        ("<sip:alice@elsewhere.net>;tag=a", "<sip:alice@elsewhere.net>"),
        ("Alice <sip:alice@elsewhere.net>;tag=a", '"Alice" <sip:alice@elsewhere.net>'),
        ("sip:alice@elsewhere.net;tag=a", "<sip:alice@elsewhere.net>"),
    ],
)
def test_a_leg_sees_who_calls_with_quotes_around_the_name(alice, bob, sender, written):
    """As it was written, but that not everybody infers the quotes (RFC 4475 §3.1.2.15)."""
    invite(alice, From=sender)

    assert bob.last("INVITE").headers.get("From").rpartition(";tag=")[0] == written


def test_a_folded_name_crosses_on_one_line(bench, alice, bob):
    request = bytes(alice.request("INVITE", "sip:bob@example.org"))
    alice.flow.send(request.replace(b"From: <", b'From: "Al\r\n ice" <'))
    bench.run(0.05)

    assert bob.last("INVITE").headers.get("From").startswith('"Al ice" <sip:alice@')


@pytest.mark.parametrize("contact", ["*", ""])
def test_who_does_not_say_where_it_is_is_not_called_for(alice, bob, contact):
    request = alice.request("INVITE", "sip:bob@example.org")
    request.headers.remove("Contact")
    if contact:
        request.headers.add("Contact", contact)
    alice.send(request)

    assert (alice.statuses(), bob.heard) == ([400], [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"', '"BEL: NUL: DEL:"'),
        (b'"a\x1b[31mb"', '"a[31mb"'),
        (b"a\x07b", '"ab"'),
        ('"x\u202ey"'.encode(), '"xy"'),
        ("\x9b2J".encode(), '"2J"'),
        (b'"\x07"', ""),
    ],
)
def test_what_a_name_would_do_to_a_screen_does_not_cross(bench, alice, bob, name, shown):
    """RFC 4475 §3.1.1.2: such a name is parsed; what shows it is not told to do anything."""
    request = bytes(alice.request("INVITE", "sip:bob@example.org"))
    alice.flow.send(request.replace(b"From: <", b"From: " + name + b" <"))
    bench.run(0.05)

    assert bob.last("INVITE").headers.get("From").partition("<")[0].strip() == shown
