"""Messages cut out of a stream, however it was split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computing import seconds_of
from sipwright.sip import PING, FramingError, StreamFramer, parse
from sipwright.sip.framer import MOST_PINGS

HEAD = (
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n"
    b'From: "Alice" <sip:alice@a.com>;tag=a1\r\n'
    b"To: <sip:bob@b.com>\r\n"
    b"Call-ID: abc@a.com\r\n"
    b"CSeq: 7 OPTIONS\r\n"
)
START = b"OPTIONS sip:bob@b.com SIP/2.0\r\n"
PLAIN = START + HEAD + b"Content-Length: 0\r\n\r\n"
FULL = START + HEAD + b"Content-Length: 5\r\n\r\nhello"


def feed_all(framer, chunks):
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


def test_one_message_in_one_read():
    framer = StreamFramer()

    assert framer.feed(FULL) == [FULL]
    assert framer.buffered == 0


def test_several_messages_in_one_read():
    framer = StreamFramer()

    assert framer.feed(FULL + PLAIN + FULL + PLAIN[:20]) == [FULL, PLAIN, FULL]
    assert framer.buffered == 20


def test_byte_by_byte():
    framer = StreamFramer()
    stream = FULL + b"\r\n\r\n" + PLAIN + b"\r\n" + FULL.replace(b"\r\n", b"\n")

    frames = feed_all(framer, [stream[i : i + 1] for i in range(len(stream))])

    assert frames == [FULL, PING, PLAIN, FULL.replace(b"\r\n", b"\n")]


@given(
    st.lists(st.sampled_from([FULL, PLAIN, b"\r\n\r\n", FULL.replace(b"\r\n", b"\n")]), max_size=6), st.data()
)
def test_any_split_gives_the_same_frames(parts, data):
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    frames = feed_all(StreamFramer(), chunks)

    assert frames == [PING if part == b"\r\n\r\n" else part for part in parts]


@pytest.mark.parametrize(
    ("chunks", "frames"),
    [
        ([b"\r\n\r\n"], [PING]),
        ([b"\r\n"], []),
        ([b"\r\n", b"\r\n"], [PING]),
        ([b"\r", b"\n\r", b"\n"], [PING]),
        ([b"\r\n\r\n\r\n\r\n"], [PING, PING]),
        ([b"\r\n", PLAIN], [PLAIN]),
        ([b"\r\n" + PLAIN + b"\r\n", b"\r\n"], [PLAIN, PING]),
        ([b"\r\n\r\n\r\n" + PLAIN + b"\r\n"], [PING, PLAIN]),
    ],
)
def test_keep_alives(chunks, frames):
    """RFC 5626 §4.4.1: two line ends ask, one answers."""
    framer = StreamFramer()

    assert feed_all(framer, chunks) == frames
    assert framer.buffered == 0


@pytest.mark.parametrize(
    "length",
    [
        b"l:5",
        b"Content-Length : 5",
        b"CONTENT-LENGTH:\t5",
        b"content-length:\r\n 5",
        b"Content-Length: 5\r\n ",
        b"l: 5\r\nContent-Length: 05",
        b"Loose: x\r\nl: 5",
        b"Subject: x\r\n l: 7\r\nContent-Length: 5",
        b"Content-Length-X: 7\r\nl: 5",
    ],
)
def test_the_length_in_all_spellings(length):
    data = START + HEAD + length + b"\r\n\r\nhello"
    framer = StreamFramer()

    assert framer.feed(data + data) == [data, data]
    assert parse(data).body == b"hello"


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (b"X: y", "Content-Length is missing"),
        (b"Content-Length: five", "Content-Length is not a number"),
        (b"Content-Length: -5", "Content-Length is not a number"),
        (b"Content-Length: 5\xa0", "Content-Length is not a number"),
        (b"Content-Length: 5\r6", "Content-Length is not a number"),
        (b"Content-Length: 5\r\nl: 6", "Content-Length is there twice with different values"),
    ],
)
def test_a_stream_without_a_length_cannot_be_followed(length, reason):
    """§18.3: the request can still be answered, then the connection must go."""
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(START + HEAD + length + b"\r\n\r\nhello")

    assert (caught.value.reason, caught.value.status) == (reason, 400)
    assert caught.value.request.top_via.branch == "z9hG4bK1"


def test_a_response_without_a_length_is_not_answered():
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(b"SIP/2.0 200 OK\r\n" + HEAD + b"\r\n")

    assert caught.value.request is None


def test_a_body_may_have_its_largest_size_and_no_more():
    framer = StreamFramer(max_body=5)
    assert framer.feed(FULL) == [FULL]

    with pytest.raises(FramingError) as caught:
        framer.feed(FULL.replace(b"Length: 5", b"Length: 6"))

    assert (caught.value.reason, caught.value.status) == ("Content-Length is above 5", 513)
    assert caught.value.request is not None


def test_a_head_may_have_its_largest_size_and_no_more():
    assert StreamFramer(max_head=len(PLAIN)).feed(PLAIN) == [PLAIN]

    with pytest.raises(FramingError, match="The headers are longer than"):
        StreamFramer(max_head=len(PLAIN) - 1).feed(PLAIN)


@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_whoever_sends_too_long_a_head_is_told_so(end):
    """Ended or not, as over UDP."""
    head = PLAIN[: PLAIN.index(b"\r\n\r\n") + 2]
    with pytest.raises(FramingError) as caught:
        StreamFramer(max_head=len(head) + 50).feed(head + b"X: " + b"y" * 100 + b"\r\n" + end)

    assert (caught.value.status, caught.value.header) == (513, None)
    assert caught.value.request is not None


def test_a_head_that_never_ends_is_given_up():
    framer = StreamFramer(max_head=100)
    assert framer.feed(b"a" * 100) == []

    with pytest.raises(FramingError, match="The headers are longer than 100 bytes"):
        framer.feed(b"a")


def test_messages_before_a_fault_are_not_lost():
    framer = StreamFramer()

    assert framer.feed(FULL + b"rubbish\r\n\r\n") == [FULL]
    with pytest.raises(FramingError, match="Content-Length is missing"):
        framer.feed(b"")


def test_a_slow_sender_costs_linear_time():
    framer = StreamFramer(max_head=70_000)
    frames = []
    took = seconds_of(lambda: frames.extend(feed_all(framer, [b"a"] * 60_000)))

    assert frames == []
    assert took < 10.0


@pytest.mark.parametrize("before", [b"", PLAIN, b"\r\n"])
def test_pings_without_number_are_told_of_ten_times(before):
    framer = StreamFramer()
    flood = before + 100_000 * b"\r\n\r\n"

    assert framer.feed(flood + PLAIN).count(PING) == MOST_PINGS
    assert framer.buffered == 0
