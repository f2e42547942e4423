"""A form, filled in, is the request that would have been built."""

import pytest

from sipwright.sip import parse
from sipwright.sip.dialog import Dialog

HEADERS = (("Contact", "<sip:192.0.2.1:5060>"), ("Event", "dialog"))


def dialog(**changes):
    parts = {
        "local_uri": '"Ann \udcff; CSeq: 0" <sip:ann@example.com>',
        "remote_uri": "<sip:bob@example.com>",
        "remote_target": "sip:bob@192.0.2.2",
    }
    return Dialog("c1", "a", "b", **parts | changes)


def form(where, via=("SIP/2.0/UDP 192.0.2.1:5060;branch=", ";rport"), content_type="text/plain"):
    return where.form("NOTIFY", via, HEADERS, "Subscription-State", content_type)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"route_set": ["<sip:p1;lr>", "<sip:p2;lr>"]},
        {"route_set": ["<sip:p1>", "<sip:p2;lr>"]},
        {"remote_target": "sips:bob@[2001:db8::1]:5061;transport=ws;x=CSeq"},
        {"local_uri": "<sip:müller@example.com>"},
    ],
)
@pytest.mark.parametrize(("cseq", "body"), [(1, b"hello"), (10, b""), (4711, bytes(range(256)))])
def test_it_is_what_would_have_been_built(facts, cseq, body):
    branch, state = "z9hG4bKn-1234", f"active;expires={cseq}"
    built = dialog(**facts).make_request(
        "NOTIFY",
        via=f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport",
        headers=(*HEADERS, ("Subscription-State", state)),
        body=body,
        content_type="text/plain",
        cseq=cseq,
    )
    written = form(dialog(**facts)).write(branch, cseq, state, body)

    assert written.wire == bytes(built)
    assert (written.method, written.branch) == ("NOTIFY", branch)
    assert parse(written.wire).cseq.number == cseq


@pytest.mark.parametrize("content_type", ["text/plain\r\nX: y", "a\nb"])
def test_nobody_can_write_a_header_of_their_own(content_type):
    with pytest.raises(ValueError, match="line break"):
        form(dialog(), content_type=content_type)
    with pytest.raises(ValueError, match="line break"):
        form(dialog(remote_uri="<sip:b@h>\r\nX: y"))
    with pytest.raises(ValueError, match="Request-URI"):
        form(dialog(remote_target="sip:b@h>\r\nX: y"))
