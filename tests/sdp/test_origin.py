import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sdp import as_version_of, origin

BODY = b"v=0\r\no=alice 2890844526 18446744073709551615 IN IP4 host\r\ns=o=x 1 2 IN \r\n"


def test_origin():
    assert origin(BODY) == (2890844526, 2**64 - 1)
    assert origin(BODY.replace(b"\r", b"")) == (2890844526, 2**64 - 1)


@pytest.mark.parametrize(
    "body", [b"", b"v=0\r\n", b"v=0\no=- x 1 IN IP4 h\n", b"v=0\no=- " + b"1" * 9999 + b" 1 IN "]
)
def test_a_body_without_a_proper_origin_stays(body):
    assert origin(body) is None
    assert as_version_of(body, BODY, 2) is body
    assert as_version_of(BODY, body, 2) is BODY


@given(st.integers(0, 2**64), st.integers(0, 2**60))
def test_what_is_written_can_be_read(session_id, version):
    first = b"v=0\r\no=- %d 1 IN IP6 ::1\r\n" % session_id

    assert origin(as_version_of(BODY, first, version)) == (session_id, version)


def test_a_description_that_goes_on_from_another_has_its_whole_origin():
    """RFC 3264 §8: all but the version stays."""
    first = b"v=0\r\no=- 5 1 IN IP6 ::1\r\ns=-\r\n"

    assert as_version_of(BODY, first, 2) == BODY.replace(
        b"alice 2890844526 18446744073709551615 IN IP4 host", b"- 5 2 IN IP6 ::1"
    )
    assert as_version_of(BODY, b"v=0\r\n", 2) is BODY
