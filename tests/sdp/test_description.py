import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sdp import Media, connection_addresses, is_hold, is_sdp, media

VIDEO_CALL = (
    b"v=0\r\n"
    b"o=alice 2890844526 2890844526 IN IP4 host.example.org\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.1\r\n"
    b"t=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0 8\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
    b"m=video 51372/2 RTP/SAVPF 99\r\n"
    b"c=IN IP6 2001:db8::7\r\n"
    b"a=recvonly\r\n"
    b"m=application 0 TCP/BFCP *\r\n"
)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_media_of_a_video_call(line_end):
    body = VIDEO_CALL.replace(b"\r\n", line_end)

    assert media(body) == [
        Media("audio", 49170, "RTP/AVP", "192.0.2.1", "sendrecv"),
        Media("video", 51372, "RTP/SAVPF", "2001:db8::7", "recvonly"),
        Media("application", 0, "TCP/BFCP", "192.0.2.1", "sendrecv"),
    ]


def test_connection_addresses():
    assert connection_addresses(VIDEO_CALL) == ["192.0.2.1", "2001:db8::7"]
    assert connection_addresses(b"v=0\nc=IN IP4 224.2.1.1/127/3\n") == ["224.2.1.1"]


def test_a_session_may_have_no_connection_and_no_media():
    assert media(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n") == [Media("audio", 4000, "RTP/AVP", None, "sendrecv")]
    assert media(b"v=0\r\ns=-\r\n") == []
    assert connection_addresses(b"v=0\r\ns=-\r\n") == []


def test_the_direction_of_the_session_holds_for_media_without_their_own():
    """RFC 8866 §6.7."""
    body = b"v=0\na=sendonly\nm=audio 1 RTP/AVP 0\nm=video 2 RTP/AVP 99\na=inactive\n"

    assert [one.direction for one in media(body)] == ["sendonly", "inactive"]


@pytest.mark.parametrize(
    "line",
    [b"m=", b"m=audio", b"m=audio 1", b"m=audio x RTP/AVP 0", b"m=audio 123456 RTP/AVP", "m=a ² b".encode()],
)
def test_an_m_line_that_makes_no_sense_is_passed_over(line):
    assert media(b"v=0\n" + line + b"\nm=video 2 RTP/AVP 99\n") == [
        Media("video", 2, "RTP/AVP", None, "sendrecv")
    ]


@pytest.mark.parametrize(
    "line", [b"c=IN IP4", b"c=IN IP4 ", b"c=ATM NSAP 1", b"c=IN IP5 1.2.3.4", b"nonsense"]
)
def test_a_c_line_that_makes_no_sense_is_passed_over(line):
    body = b"v=0\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0\n" + line + b"\n"

    assert [one.connection for one in media(body)] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        (VIDEO_CALL, False),
        (b"v=0\nm=audio 1 RTP/AVP 0\na=sendonly\n", True),
        (b"v=0\nm=audio 1 RTP/AVP 0\na=inactive\n", True),
        (b"v=0\na=inactive\nm=audio 1 RTP/AVP 0\n", True),
        (b"v=0\nm=audio 1 RTP/AVP 0\na=recvonly\n", False),
        (b"v=0\nc=IN IP4 0.0.0.0\nm=audio 1 RTP/AVP 0\n", True),
        (b"v=0\nc=IN IP6 ::\nm=audio 1 RTP/AVP 0\n", True),
        (b"v=0\nm=audio 1 RTP/AVP 0\na=sendonly\nm=video 2 RTP/AVP 99\n", False),
        (b"v=0\nm=audio 1 RTP/AVP 0\na=sendonly\nm=video 0 RTP/AVP 99\n", True),
        (b"v=0\nm=audio 0 RTP/AVP 0\na=sendonly\n", False),
        (b"v=0\ns=-\n", False),
        (b"", False),
        (b"\xff\xfe garbage", False),
    ],
)
def test_hold(body, holds):
    """RFC 3264 §8.4, and the 0.0.0.0 of RFC 2543."""
    assert is_hold(body) == holds


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/sdp", True),
        ("Application/SDP", True),
        ("application/sdp ; charset=utf-8", True),
        ("application / sdp", True),
        ("application/sdpx", False),
        ("multipart/mixed;boundary=x", False),
        ("", False),
        (None, False),
    ],
)
def test_is_sdp(content_type, expected):
    assert is_sdp(content_type) == expected


@given(st.binary())
def test_any_bytes_can_be_read(body):
    assert isinstance(media(body), list)
    assert isinstance(connection_addresses(body), list)
    assert is_hold(body) in (True, False)


@given(
    st.lists(
        st.sampled_from([b"m=", b"c=", b"a=", b"IN", b" ", b"IP4", b"1", b"/", b"\n", b"\r", b"sendonly"])
    )
)
def test_anything_that_looks_like_sdp_can_be_read(tokens):
    assert isinstance(media(b"".join(tokens)), list)
