"""Phones with several flows (RFC 5626), and what they are told about them."""

import pytest

from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding

INSTANCE = '+sip.instance="<urn:uuid:1>"'
FLOW = f"Contact: <sip:alice@10.0.0.5:5062>;reg-id=1;{INSTANCE}"


def flow(number, source, instance=INSTANCE, q=""):
    contact = f"<sip:alice@10.0.0.{number}>;reg-id={number};{instance}{q}"
    return Binding(1_000, 1, f"call{number}", source, "", contact)


def table(*bindings, gone=()):
    locations = LocationTable(is_gone=lambda source: source in gone)
    locations.put(1, list(bindings))
    return [target.source for target in locations.targets(1, 1.0)]


def test_one_flow_of_a_device_is_called_the_latest():
    """RFC 5626 §7: two at once would make it ring twice."""
    assert table(flow(1, "tcp/a"), flow(2, "tcp/b")) == ["tcp/b"]


def test_a_flow_that_has_ended_leaves_the_other_one():
    assert table(flow(1, "tcp/a"), flow(2, "tcp/b"), gone=["tcp/b"]) == ["tcp/a"]


def test_of_flows_that_have_all_ended_the_latest_is_waited_for():
    assert table(flow(1, "tcp/a"), flow(2, "tcp/b"), gone=["tcp/a", "tcp/b"]) == ["tcp/b"]


def test_the_flow_that_the_device_prefers_is_called():
    assert table(flow(1, "tcp/a", q=";q=0.9"), flow(2, "tcp/b", q=";q=0.1")) == ["tcp/a"]


def test_other_devices_ring_too():
    other = flow(2, "tcp/b", '+sip.instance="<urn:uuid:2>"')
    plain = Binding(1_000, 1, "c", "udp/c", "", "<sip:alice@10.0.0.9>")
    unnumbered = [Binding(1_000, 1, f"d{n}", f"udp/d{n}", "", f"<sip:d{n}@h>;{INSTANCE}") for n in (1, 2)]

    assert table(flow(1, "tcp/a"), other, plain, *unnumbered) == [
        "udp/d2",
        "udp/d1",
        "udp/c",
        "tcp/b",
        "tcp/a",
    ]


def follower(of, *bindings, gone=()):
    locations = LocationTable(is_gone=lambda source: source in gone)
    locations.put(1, list(bindings))
    found = locations.next_flow(1, "<urn:uuid:1>", lambda target: target.source == of, 1.0)
    return None if found is None else found.source


def test_a_flow_that_has_failed_is_followed_by_the_next_one_of_the_device():
    """RFC 5626 §7: another reg-id of the same instance, and of no other device."""
    other = flow(3, "tcp/c", '+sip.instance="<urn:uuid:2>"')
    unnumbered = Binding(1_000, 1, "d", "udp/d", "", f"<sip:d@h>;{INSTANCE}")
    bindings = (unnumbered, flow(1, "tcp/a"), other, flow(2, "tcp/b"))

    assert follower("tcp/b", *bindings) == "tcp/a"
    assert follower("tcp/a", *bindings) is None
    assert follower("tcp/b", *bindings, gone=["tcp/a"]) is None
    assert follower("tcp/elsewhere", *bindings) == "tcp/b"


@pytest.mark.parametrize("header", ["Supported: path, outbound", "Require: outbound"])
def test_who_numbers_its_flow_is_told_that_this_counts(world, header):
    """RFC 5626 §6."""
    response = world.register(FLOW, header).response

    assert (response.status, response.headers.get("Require")) == (200, "outbound")
    assert response.headers.get("Flow-Timer") == "120"


@pytest.mark.parametrize(
    "headers",
    [
        (FLOW,),
        ("Contact: <sip:alice@10.0.0.5:5062>", "Supported: outbound"),
        (f"Contact: <sip:alice@10.0.0.5:5062>;{INSTANCE}", "Supported: outbound"),
        ("Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK-0", FLOW),
        (FLOW, "Path: <sip:p1.example;lr>"),
    ],
)
def test_nobody_else_is(world, headers):
    assert "Require" not in world.register(*headers).response.headers


BEHIND = "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK-0"


@pytest.mark.parametrize("more", [(BEHIND,), ("Path: <sip:p1.example;lr>",), (BEHIND, "Path: <sip:p1.example;lr>"),
                                  (BEHIND, "Path: <sip:p1.example;lr>, <sip:edge.example;lr;ob>")])  # fmt: skip
def test_a_flow_that_the_first_hop_does_not_keep_is_refused(world, more):
    """RFC 5626 §6, §11.6."""
    response = world.register(FLOW, "Supported: path, outbound", *more).response

    assert (response.status, world.contacts()) == (439, [])


@pytest.mark.parametrize(
    "more", [("Path: <sip:edge.example;lr;ob>",), (BEHIND, "Path: <sip:edge.example;ob;lr>")]
)
def test_a_flow_that_the_first_hop_keeps_counts(world, more):
    response = world.register(FLOW, "Supported: path, outbound", *more).response

    assert (response.status, response.headers.get("Require")) == (200, "outbound")
    assert "reg-id=1" in response.headers.get("Contact")


@pytest.mark.parametrize("more", [(BEHIND,), ("Path: <sip:p1.example;lr>",)])
def test_without_the_extension_such_a_flow_is_not_numbered(world, more):
    """RFC 5626 §6: the reg-id is ignored, and so a second one stands beside the first as any other Contact."""
    world.register(FLOW, *more)
    world.register(FLOW.replace("10.0.0.5:5062", "10.0.0.6"), *more)

    assert [("reg-id" in contact, contact.count("+sip.instance")) for contact in world.contacts()] == [
        (False, 1)
    ] * 2


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (f"<sip:alice@10.0.0.6>;reg-id=2;{INSTANCE}", 400),
        ("<sip:alice@10.0.0.6>", 400),
        (f"<sip:alice@10.0.0.6>;reg-id=2;{INSTANCE};expires=0", 200),
    ],
)
def test_one_flow_is_registered_at_a_time(world, second, expected):
    """RFC 5626 §6: it is the one that the request came over; others may be removed beside it."""
    response = world.register(FLOW, f"Contact: {second}", "Supported: outbound").response

    assert (response.status, len(world.contacts())) == (expected, int(expected == 200))


@pytest.mark.parametrize(
    "number", ["0", "00", "-1", "x", "1.0", "2147483648", "99999999999", ""], ids=lambda text: text or "none"
)
def test_a_flow_with_a_number_that_is_none_is_no_flow(world, number):
    """RFC 5626 §10: from 1 to 2^31 - 1. As any other that is ignored (§6) it is not stored, nor said to count."""
    response = world.register(
        FLOW.replace("reg-id=1", f"reg-id={number}".removesuffix("=")), "Supported: outbound"
    ).response

    assert (response.status, "Require" in response.headers) == (200, False)
    assert [contact.count("reg-id") for contact in world.contacts()] == [0]
    assert [row[9:11] for row in world.writer.rows["binding"].values()] == [("<urn:uuid:1>", None)]


@pytest.mark.parametrize("number", ["1", "01", "2147483647"])
def test_a_flow_may_have_any_number_up_to_the_largest(world, number):
    response = world.register(FLOW.replace("reg-id=1", f"reg-id={number}"), "Supported: outbound").response

    assert (response.status, response.headers.get("Require")) == (200, "outbound")
    assert [row[10] for row in world.writer.rows["binding"].values()] == [int(number)]


def test_a_phone_that_numbers_its_flows_no_more_is_one_phone(world):
    """RFC 5626 §7 has one of a device called at a time, which would ring by its flows of before as well."""
    for number in (1, 2):
        world.register(FLOW.replace("reg-id=1", f"reg-id={number}"), "Supported: outbound")
    world.register("Contact: <sip:alice@10.0.0.5:5062>")

    assert world.contacts() == ["<sip:alice@10.0.0.5:5062>"]
    assert len(world.writer.rows["binding"]) == len(world.locations.targets(1, world.now)) == 1


def test_several_contacts_without_flows_are_registered_at_once(world):
    """RFC 3261 §10.3; a reg-id without an instance counts as none (RFC 5626 §6)."""
    response = world.register("Contact: <sip:a@10.0.0.5>;reg-id=1, <sip:b@10.0.0.5>").response

    assert (response.status, len(world.contacts())) == (200, 2)


def test_what_wakes_a_phone_is_kept_and_shown(world):
    """RFC 8599 §4.1."""
    contact = "<sip:alice@10.0.0.5;pn-provider=fcm;pn-param=acme;pn-prid=ZTY4ZDJl>"
    world.register(f"Contact: {contact}")
    (row,) = world.writer.rows["binding"].values()
    (target,) = world.locations.targets(1, world.now)

    assert row[1] == contact
    assert f"<{target.uri}>" == contact
