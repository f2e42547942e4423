"""What a phone knows a text by."""

import pytest

from sipwright.services.switch.model.destination import Destination
from sipwright.services.switch.text_identity import TextIdentities
from sipwright.sip import Request

SECRET = b"of all nodes"


def message(**changed):
    said = {"branch": "z9hG4bK1", "host": "10.0.0.5", "user": "alice", "tag": "a", "call_id": "c"} | changed
    headers = [
        ("Via", f"SIP/2.0/UDP {said['host']};branch={said['branch']};rport"),
        ("From", f"<sip:{said['user']}@example.org>;tag={said['tag']}"), ("To", "<sip:bob@example.org>"),
        ("Call-ID", said["call_id"]), ("CSeq", "1 MESSAGE"),
    ]  # fmt: skip
    return Request("MESSAGE", "sip:bob@example.org", headers)


def phone(uri="sip:bob@10.0.0.9", account_id=1, **more):
    return Destination("bob", uri, "sip:bob@example.org", flow="udp/x", account_id=account_id, **more)


def identity(request=None, cseq=1, to=None, secret=SECRET):
    return TextIdentities(secret).of(request or message(), cseq, to or phone())


def test_it_is_the_same_at_every_node():
    assert identity() == identity()
    assert len(set(identity())) == 3


@pytest.mark.parametrize(
    ("request_", "cseq", "to"),
    [
        pytest.param(message(call_id="d"), 1, phone(), id="call"),
        pytest.param(message(tag="b"), 1, phone(), id="tag"),
        pytest.param(message(user="mallory"), 1, phone(), id="sender"),
        pytest.param(message(), 2, phone(), id="cseq"),
        pytest.param(message(), 1, phone("sip:bob@10.0.0.8"), id="phone"),
        pytest.param(message(), 1, phone(account_id=2), id="account"),
    ],
)
def test_another_text_or_another_phone_has_another_one(request_, cseq, to):
    other = identity(request_, cseq, to)

    assert all(ours != theirs for ours, theirs in zip(identity(), other, strict=True))


@pytest.mark.parametrize("changed", [{"branch": "z9hG4bK2"}, {"host": "10.0.0.6"}], ids=["branch", "host"])
def test_another_transaction_of_the_sender_is_another_one_of_the_same_text(changed):
    one, other = identity(), identity(message(**changed))

    assert (one.call_id, one.from_tag) == (other.call_id, other.from_tag)
    assert one.branch != other.branch


def test_a_phone_with_an_instance_has_it_whatever_its_contact_is():
    one, other = (phone(f"sip:bob@10.0.0.9:{port}", instance="urn:uuid:1") for port in (5060, 5062))

    assert identity(to=one) == identity(to=other)


def test_nobody_without_the_secret_can_make_it():
    assert identity(secret=None) != identity(secret=None)
    assert identity(secret=b"another") != identity()


def test_there_is_no_branch_where_each_says_whose_it_is():
    given = TextIdentities(SECRET, gives_branches=False).of(message(), 1, phone())

    assert given == identity()._replace(branch=None)
