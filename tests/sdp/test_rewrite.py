import pytest
from hypothesis import given
from hypothesis import strategies as st

from computing import seconds_of
from sipwright.sdp import connection_addresses, is_private, rewrite_body, rewrite_private
from sipwright.sdp.rewrite import MOST

PUBLIC = "203.0.113.5"

VIDEO_CALL = (
    b"v=0\r\n"
    b"o=- 1 1 IN IP4 192.168.1.10\r\n"
    b"s=c=IN IP4 192.168.1.10\r\n"
    b"c=IN IP4 192.168.1.10\r\n"
    b"t=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\n"
    b"a=rtcp:4001 IN IP4 192.168.1.10\r\n"
    b"a=candidate:1 1 UDP 2130706431 192.168.1.10 4000 typ host\r\n"
    b"m=video 5000 RTP/AVP 99\r\n"
    b"c=IN IP4 10.7.7.7\r\n"
    b"m=video 5002 RTP/AVP 99\r\n"
    b"c=IN IP4 198.51.100.9\r\n"
)


def at(address, rest=b""):
    return b"v=0\r\nc=IN " + address + b"\r\n" + rest


def test_every_private_connection_is_replaced_and_what_follows_it():
    """Session and media level, all kinds; o= and ICE stay."""
    body, replaced = rewrite_private(VIDEO_CALL, PUBLIC)

    assert replaced == [("192.168.1.10", PUBLIC), ("10.7.7.7", PUBLIC)]
    assert body == VIDEO_CALL.replace(b"\r\nc=IN IP4 192.168.1.10", b"\r\nc=IN IP4 203.0.113.5").replace(
        b"10.7.7.7", b"203.0.113.5"
    ).replace(b"a=rtcp:4001 IN IP4 192.168.1.10", b"a=rtcp:4001 IN IP4 203.0.113.5")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"", b" \r\n", b"\t"])
def test_any_line_end(end):
    body, replaced = rewrite_private(b"v=0\nc=IN IP4 10.0.0.1" + end, PUBLIC)

    assert body == b"v=0\nc=IN IP4 203.0.113.5" + end
    assert replaced == [("10.0.0.1", PUBLIC)]


@pytest.mark.parametrize(
    "body",
    [
        at(b"IP4 198.51.100.9"),
        at(b"IP4 203.0.113.5"),
        at(b"IP4 0.0.0.0"),
        at(b"IP6 ::"),
        at(b"IP4 239.1.1.1/127"),
        at(b"IP4 10.0.0.1/127"),
        at(b"IP4 phone.example.org"),
        at(b"IP4 10.0.0.1 more"),
        at(b"IP4 10.0.0.1\xff"),
        at(b"IP4  10.0.0.1"),
        at(b"IP4 "),
        b"c=IN IP4 10.0.0.1\r\n",
        b"v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n",
        b"\x00\xff garbage",
        b"",
    ],
)
def test_everything_else_is_left_alone(body):
    assert rewrite_private(body, PUBLIC) == (body, [])
    assert rewrite_private(body, PUBLIC)[0] is body


def test_an_address_that_is_the_source_already_is_left_alone():
    body = at(b"IP4 10.0.0.1")

    assert rewrite_private(body, "10.0.0.1") == (body, [])
    assert rewrite_private(body, "::ffff:10.0.0.1") == (body, [])


@pytest.mark.parametrize(
    ("old", "replacement", "new"),
    [
        (b"IP4 10.0.0.1", "2001:db8::7", b"IP6 2001:db8::7"),
        (b"IP6 fd00::1", PUBLIC, b"IP4 203.0.113.5"),
        (b"IP6 fe80::1", "2001:db8::7", b"IP6 2001:db8::7"),
        (b"IP4 10.0.0.1", "::ffff:203.0.113.5", b"IP4 203.0.113.5"),
    ],
)
def test_the_address_type_follows_the_replacement(old, replacement, new):
    assert rewrite_private(at(old), replacement)[0] == at(new)


def test_which_addresses_are_private_can_be_said_by_the_caller():
    body, replaced = rewrite_private(at(b"IP4 127.0.0.1"), PUBLIC, is_private=lambda a: a == "127.0.0.1")

    assert body == at(b"IP4 203.0.113.5")
    assert replaced == [("127.0.0.1", PUBLIC)]


def test_a_replacement_that_is_no_address_is_an_error():
    with pytest.raises(ValueError, match="example"):
        rewrite_private(at(b"IP4 10.0.0.1"), "example.org")


ADDRESSES = st.ip_addresses().map(str)
SDP_LINES = st.one_of(
    st.sampled_from(
        [b"v=0", b"c=IN IP4 10.0.0.1/8", b"a=candidate:1 1 UDP 1 10.0.0.1 1 typ host", b"c=", b""]
    ),
    st.binary().filter(lambda line: b"\n" not in line),
    ADDRESSES.map(lambda a: f"c=IN IP{6 if ':' in a else 4} {a}".encode()),
    st.sampled_from([b"10.1.2.3", b"192.168.9.9", b"fd00::9"]).map(
        lambda a: b"c=IN IP" + (b"6 " if b":" in a else b"4 ") + a
    ),
)


@given(st.lists(SDP_LINES, min_size=1), st.sampled_from([b"\n", b"\r\n"]), ADDRESSES)
def test_bytes_outside_connection_lines_never_change(lines, line_end, replacement):
    body = line_end.join(lines)
    new, replaced = rewrite_private(body, replacement)
    old_lines, new_lines = body.split(b"\n"), new.split(b"\n")
    changed = [(a, b) for a, b in zip(old_lines, new_lines, strict=True) if a != b]

    assert len(changed) == len(replaced)
    assert all(a.startswith(b"c=IN IP") and b.startswith(b"c=IN IP") for a, b in changed)
    assert all(is_private(old) and old not in new for old, new in replaced)


@given(st.lists(SDP_LINES, min_size=1))
def test_afterwards_no_private_unicast_address_is_left(lines):
    body = b"\r\n".join([b"v=0", *[line for line in lines if b"/" not in line and b"\r" not in line]])
    new, _ = rewrite_private(body, PUBLIC)
    left = [address for address in connection_addresses(new) if is_private(address)]

    assert all(f"c=IN IP4 {address}\r\n".encode() not in new for address in left)
    assert rewrite_private(new, PUBLIC) == (new, [])


# --- bodies of several parts ----------------------------------------------------------------------

MIXED = (
    b"a preamble with c=\r\nc=IN IP4 10.0.0.1\r\n"
    b"--b1\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Disposition: session\r\n"
    b"\r\n"
    b"v=0\r\nc=IN IP4 10.0.0.1\r\n"
    b"--b1\r\n"
    b"Content-Type: application/isup\r\n"
    b"\r\n"
    b"\x00\xff\r\nc=IN IP4 10.0.0.1\r\n"
    b"--b1--\r\n"
    b"Content-Type: application/sdp\r\n\r\nc=IN IP4 10.0.0.1\r\nc=IN IP4 10.0.0.1\r\n"
)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed;boundary=b1",
        'Multipart/Related; type="x"; Boundary="b1"',
        "multipart/mixed;boundary=b1 ; a=b",
    ],
)
def test_the_sdp_part_of_a_multipart_is_rewritten(content_type, line_end):
    body = MIXED.replace(b"\r\n", line_end)
    new, replaced = rewrite_body(content_type, body, PUBLIC)
    at_part = body.index(b"v=0")
    before, after = body[:at_part], body[at_part:]

    assert replaced == [("10.0.0.1", PUBLIC)]
    assert new == before + after.replace(b"10.0.0.1", b"203.0.113.5", 1)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        b"Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\n",
        b"Content-Type: application/sdpx\r\n\r\n",
        b"X-Content-Type: application/sdp\r\n\r\n",
        b"\r\n",
        b"",
    ],
)
def test_other_parts_are_left_alone(head):
    body = b"--b1\r\n" + head + b"v=0\r\nc=IN IP4 10.0.0.1\r\n--b1--\r\n"

    assert rewrite_body("multipart/mixed;boundary=b1", body, PUBLIC) == (body, [])


@pytest.mark.parametrize("encoding", [b"binary", b"8bit", b"7BIT"])
def test_a_part_whose_encoding_changes_nothing_is_rewritten(encoding):
    head = b"--b1\r\ncontent-type:application/sdp;charset=utf-8\r\nContent-Transfer-Encoding: " + encoding
    body = head + b"\r\n\r\nv=0\r\nc=IN IP4 10.0.0.1\r\n--b1--\r\n"

    assert rewrite_body("multipart/mixed;boundary=b1", body, PUBLIC)[1] == [("10.0.0.1", PUBLIC)]


def part(head, content):
    return b"--b1\r\n" + head + b"\r\n\r\n" + content + b"\r\n--b1--\r\n"


@pytest.mark.parametrize("name", [b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH :\t"])
def test_what_a_part_says_of_its_length_follows(name):
    """Gateways that carry ISUP write it into each part."""
    content = b"v=0\r\nc=IN IP4 10.0.0.1\r\n"
    head = b"Content-Type: application/sdp\r\n" + name
    body, _ = rewrite_body("multipart/mixed;boundary=b1", part(head + b"25", content), PUBLIC)

    assert body == part(head + b"28", content.replace(b"10.0.0.1", b"203.0.113.5"))


@pytest.mark.parametrize("value", [b"25x", b"", b"-1", b"2 5"])
def test_a_length_that_is_none_stays(value):
    head = b"Content-Length: " + value + b"\r\nContent-Type: application/sdp"
    body, replaced = rewrite_body("multipart/mixed;boundary=b1", part(head, at(b"IP4 10.0.0.1")), PUBLIC)

    assert body == part(head, at(b"IP4 203.0.113.5"))
    assert replaced == [("10.0.0.1", PUBLIC)]


def nested(depth, content, length=b""):
    """A description inside of that many multiparts, each of which may say its length."""
    kind = "application/sdp"
    for level in range(depth):
        name = b"n%d" % level
        count = b"Content-Length: %d\r\n" % len(content) if length else b""
        head = count + b"Content-Type: " + kind.encode() + b"\r\n\r\n"
        content = b"--" + name + b"\r\n" + head + content + b"\r\n--" + name + b"--\r\n"
        kind = f'multipart/alternative;\r\n boundary="n{level}"'
    return kind, content


@pytest.mark.parametrize("length", [b"", b"yes"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_multipart_may_be_in_another(depth, length):
    """RFC 5621 §3.1: such as what may be said in several ways, beside something else."""
    kind, body = nested(depth, at(b"IP4 10.0.0.1"), length)
    new, replaced = rewrite_body(kind.replace("\r\n", ""), body, PUBLIC)

    assert new == nested(depth, at(b"IP4 203.0.113.5"), length)[1]
    assert replaced == [("10.0.0.1", PUBLIC)]


def test_not_in_ever_so_many():
    kind, body = nested(20, at(b"IP4 10.0.0.1"))

    assert rewrite_body(kind.replace("\r\n", ""), body, PUBLIC) == (body, [])


def test_a_stranger_cannot_make_us_look_for_thousands_of_addresses():
    """A datagram of 54 kB held up everybody for seconds."""
    lines = [(b"10.0.%d.%d" % (at // 250, at % 250)) for at in range(1500)]
    body = b"v=0\r\n" + b"".join(b"c=IN IP4 %b\r\na=x %b\r\n" % (line, line) for line in lines)
    found = []
    took = seconds_of(lambda: found.append(rewrite_private(body, PUBLIC)))
    ((new, replaced),) = found

    assert took < 1.0
    assert len(replaced) == MOST
    assert new.count(PUBLIC.encode()) == 2 * MOST
    assert new.endswith(b"c=IN IP4 10.0.5.249\r\na=x 10.0.5.249\r\n")


def test_nor_at_thousands_of_rtcp_addresses():
    body = b"v=0\r\n" + b"a=rtcp:1 IN IP4 10.0.0.2\r\n" * 2200
    found = []
    took = seconds_of(lambda: found.append(rewrite_private(body, PUBLIC)))
    ((new, replaced),) = found

    assert took < 1.0
    assert len(replaced) == new.count(PUBLIC.encode()) == MOST


def test_several_addresses_of_both_families_are_followed():
    body = at(
        b"IP4 10.0.0.1",
        b"c=IN IP4 10.0.0.11\r\nc=IN IP6 fd00::1\r\na=x IP4 10.0.0.11 10.0.0.1 fd00::1 IP6 fd00::1\r\n",
    )
    new, replaced = rewrite_private(body, PUBLIC)

    assert [old for old, _ in replaced] == ["10.0.0.1", "10.0.0.11", "fd00::1"]
    assert new.endswith(f"a=x IP4 {PUBLIC} {PUBLIC} {PUBLIC} IP4 {PUBLIC}\r\n".encode())


def test_a_plain_sdp_body_is_rewritten():
    assert rewrite_body("application/sdp", at(b"IP4 10.0.0.1"), PUBLIC)[0] == at(b"IP4 203.0.113.5")


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "multipart/mixed", "multipart/mixed;boundary="]
)
def test_bodies_without_a_description_are_left_alone(content_type):
    assert rewrite_body(content_type, MIXED, PUBLIC) == (MIXED, [])


@given(st.binary(), st.text())
def test_any_body_and_content_type_can_be_given(body, boundary):
    rewrite_body("multipart/mixed;boundary=" + boundary, body, PUBLIC)
    rewrite_body(boundary, body, PUBLIC)


def with_attributes(connection, *lines, before=b"c=IN IP4 10.0.0.1\r\n"):
    return b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\n" + before + b"m=audio 4 RTP/AVP 0\r\n" + connection + b"".join(
        line + b"\r\n" for line in lines
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a=rtcp:5 IN IP4 10.0.0.1", b"a=rtcp:5 IN IP4 203.0.113.5"),
        (b"a=alt:1 1 : x 10.0.0.1 4000", b"a=alt:1 1 : x 203.0.113.5 4000"),
        (b"a=source-filter: incl IN IP4 * 10.0.0.1", b"a=source-filter: incl IN IP4 * 203.0.113.5"),
        (b"a=x:10.0.0.1;10.0.0.1", b"a=x:203.0.113.5;203.0.113.5"),
        (b"a=x 10.0.0.1:4000 ::ffff:10.0.0.1", b"a=x 203.0.113.5:4000 ::ffff:10.0.0.1"),
        (b"a=x:10.0.0.12 110.0.0.1 10.0.0.1.example", b"a=x:10.0.0.12 110.0.0.1 10.0.0.1.example"),
        (b"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host", b"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host"),
        (b"a=remote-candidates:1 10.0.0.1 4000", b"a=remote-candidates:1 10.0.0.1 4000"),
        (b"i=10.0.0.1", b"i=10.0.0.1"),
    ],
)
def test_an_attribute_with_the_same_address_follows(before, after):
    assert rewrite_private(with_attributes(b"", before), PUBLIC)[0] == with_attributes(
        b"", after, before=b"c=IN IP4 203.0.113.5\r\n"
    )


def test_an_attribute_follows_into_another_family():
    body, _ = rewrite_private(with_attributes(b"", b"a=rtcp:5 IN IP4 10.0.0.1"), "2001:db8::1")

    assert b"a=rtcp:5 IN IP6 2001:db8::1\r\n" in body


@pytest.mark.parametrize(
    ("own", "before", "told"),
    [
        (b"c=IN IP4 198.51.100.9\r\n", b"c=IN IP4 10.0.0.1\r\n", b"IP4 198.51.100.9"),
        (b"", b"c=IN IP4 198.51.100.8\r\n", b"IP4 198.51.100.8"),
        (b"c=IN IP4 0.0.0.0\r\n", b"", b"IP4 203.0.113.5"),
        (b"c=IN IP6 2001:db8::9\r\n", b"", b"IP6 2001:db8::9"),
        (b"", b"", b"IP4 203.0.113.5"),
    ],
)
def test_rtcp_has_the_address_of_its_media(own, before, told):
    """RFC 3605 §2.1; that of the session where the media has none."""
    rtcp = b"a=rtcp:5 IN IP4 192.168.7.7"
    body, replaced = rewrite_private(with_attributes(own, rtcp, before=before), PUBLIC)

    assert b"a=rtcp:5 IN " + told + b"\r\n" in body
    assert ("192.168.7.7", told[4:].decode()) in replaced


def test_an_rtcp_that_can_be_reached_stays():
    body = with_attributes(
        b"", b"a=rtcp:5 IN IP4 198.51.100.1", b"a=rtcp:5", before=b"c=IN IP4 198.51.100.8\r\n"
    )

    assert rewrite_private(body, PUBLIC) == (body, [])


@pytest.mark.parametrize("address", [b"fffffd00::1", b"1.2.3", b"::1::2", b"1.2.3.4.5"])
def test_rtcp_does_not_follow_to_what_only_looks_like_an_address(address):
    body = at(b"IP4 " + address, b"m=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 10.0.0.1\r\n")

    assert rewrite_private(body, PUBLIC) == (
        body.replace(b"10.0.0.1", PUBLIC.encode()),
        [("10.0.0.1", PUBLIC)],
    )


def test_a_description_is_the_same_object_where_its_rtcp_stays():
    body = at(b"IP4 198.51.100.9", b"m=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 198.51.100.9\r\n")

    assert rewrite_private(body, PUBLIC)[0] is body
