"""What a URI says about the way to a peer that a flow is known to."""

import pytest

from sipwright.services.switch.reach.ways import is_same_contact, leads_to, way_to
from sipwright.transport import MemoryNetwork


def flow(protocol, port=5060):
    return MemoryNetwork().transport("10.0.0.1", 5060, protocol).flow(("192.0.2.1", port))


@pytest.mark.parametrize(
    ("target", "protocol", "way"),
    [
        ("sip:a@192.0.2.1", "tcp", "sip:a@192.0.2.1;transport=tcp"),
        ("sip:a@192.0.2.1;transport=udp", "tcp", "sip:a@192.0.2.1;transport=udp"),
        ("sip:a@192.0.2.1", "udp", "sip:a@192.0.2.1"),
        ("tel:+3531", "tcp", "tel:+3531"),
    ],
)
def test_who_was_talked_to_by_tcp_is_by_tcp_again_unless_it_says_otherwise(target, protocol, way):
    assert str(way_to(target, flow(protocol))) == way


def test_what_cannot_be_read_leads_nowhere():
    assert way_to("sip:", flow("udp")) is None
    assert not leads_to("sip:", flow("udp"))
    assert not is_same_contact("sip:", "sip:a@b")


@pytest.mark.parametrize(
    ("target", "protocol", "port", "leads"),
    [
        ("sip:a@192.0.2.1", "udp", 5060, True),
        ("sip:a@192.0.2.1:6060", "udp", 5060, False),
        ("sip:a@192.0.2.1:6060", "tcp", 40_001, True),
        ("sip:a@192.0.2.2", "tcp", 5060, False),
    ],
)
def test_a_target_is_where_a_flow_leads(target, protocol, port, leads):
    assert leads_to(target, flow(protocol, port)) is leads


def test_contacts_are_those_of_one_phone_whatever_their_parameters():
    assert is_same_contact("sip:a@10.0.0.2:5061;ob", "sip:a@10.0.0.2:5061;line=7")
    assert not is_same_contact("sip:a@10.0.0.2:5061", "sip:a@10.0.0.2")
