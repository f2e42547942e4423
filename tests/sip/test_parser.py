"""Whole messages from bytes, and faulty ones explained."""

import contextlib
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computing import seconds_of
from sipwright.sip import CSeq, ParseError, Request, Response, StreamFramer, make_response, parse
from sipwright.sip.parser import LONGEST_HEAD

HEAD = (
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice" <sip:alice@a.com>;tag=a1\r\n'
    b"To: <sip:bob@b.com>\r\n"
    b"Call-ID: abc@a.com\r\n"
    b"CSeq: 7 OPTIONS\r\n"
)
START = b"OPTIONS sip:bob@b.com SIP/2.0\r\n"
VIA_IN_FOUR_LINES = b"Via: SIP  / 2.0\r\n /UDP\r\n\t10.0.0.1 ;\r\n branch=z9 "
NOT_IN_A_URI = "The Request-URI has a character that cannot be in a URI"
NO_VERSION = "The request line does not end with a SIP version"
UNCLOSED = 'From has a URI that needs angle brackets: "Alice <sip:alice@a.com>'
NEEDS_BRACKETS = "To has a URI that needs angle brackets: sip:b?x=y"
EMPTY_PARAMETER = "To has a parameter that cannot be read at ';;'"
PLAIN = START + HEAD + b"Content-Length: 0\r\n\r\n"
FULL = START + HEAD + b"Content-Length: 5\r\n\r\nhello"


def options(*replacements, start=START, more=b"", body=b""):
    head = HEAD
    for old, new in replacements:
        assert old in head
        head = head.replace(old, new)
    return start + head + more + b"\r\n" + body


def fault(data):
    with pytest.raises(ParseError) as caught:
        parse(data)
    return caught.value


def test_a_request():
    request = parse(FULL)

    assert isinstance(request, Request)
    assert (request.method, request.uri_text, request.body) == ("OPTIONS", "sip:bob@b.com", b"hello")
    assert (request.call_id, request.cseq) == ("abc@a.com", CSeq(7, "OPTIONS"))
    assert (request.from_tag, request.to_tag, request.top_via.branch) == ("a1", None, "z9hG4bK1")


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"SIP/2.0 486 ", 486, ""),
        (b"SIP/2.0 699", 699, ""),
        (b"sip/2.0 180 Es l\xc3\xa4utet", 180, "Es läutet"),
        (b"SIP/2.0 404 \xff(\xfe", 404, "\udcff(\udcfe"),
    ],
)
def test_a_response(line, status, reason):
    data = options(start=line + b"\r\n")
    response = parse(data)

    assert isinstance(response, Response)
    assert (response.status, response.reason, response.local) == (status, reason, False)
    assert bytes(response) == data


def test_a_method_and_headers_nobody_knows():
    data = options(
        (b"OPTIONS", b"!interesting-Method0123456789_*+`.%indeed'~"),
        start=b"!interesting-Method0123456789_*+`.%indeed'~ sip:a SIP/2.0\r\n",
        more=b'NewFangledHeader:   a;b,c="d"\r\n',
    )

    assert parse(data).method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert parse(data).headers.get("newfangledheader") == 'a;b,c="d"'


@pytest.mark.parametrize(
    "uri",
    [b"tel:+12015550123", b"soap.beep://192.0.2.103:3002", b"sip:\xff@b", b"sip:a;b=c@h?Subject=x", b"*"],
)
def test_the_request_uri_is_left_to_whoever_needs_it(uri):
    data = options(start=b"OPTIONS " + uri + b" SIP/2.0\r\n")

    assert parse(data).uri_text.encode("utf-8", "surrogateescape") == uri


def test_compact_forms_in_any_case():
    data = (
        b"OPTIONS sip:bob@b.com SIP/2.0\r\nv:SIP/2.0/UDP h;branch=1\r\nF:<sip:a>;tag=1\r\nt:<sip:b>;tag=2\r\n"
        b"I:x\r\ncSEQ:1 OPTIONS\r\nL:2\r\n\r\nhi"
    )
    request = parse(data)

    assert (request.top_via.host, request.from_tag, request.to_tag) == ("h", "1", "2")
    assert (request.call_id, request.cseq.number, request.body) == ("x", 1, b"hi")
    assert bytes(request) == data


def test_folded_headers():
    """§7.3.1."""
    data = options(
        (b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport", VIA_IN_FOUR_LINES),
        (b"7 OPTIONS", b"\r\n 007\r\n\t OPTIONS"),
        (b"To: <sip:bob@b.com>", b"TO :\r\n <sip:bob@b.com>   ;   tag =  x "),
        (b"Call-ID: ", b"Call-ID\t:\r\n  \r\n "),
    )  # fmt: skip
    request = parse(data)

    assert (request.top_via.branch, request.top_via.host) == ("z9", "10.0.0.1")
    assert (request.cseq, request.to_tag, request.call_id) == (CSeq(7, "OPTIONS"), "x", "abc@a.com")
    assert bytes(request) == data


def test_lines_that_end_in_lf_only():
    data = FULL.replace(b"\r\n", b"\n")
    request = parse(data)

    assert (request.call_id, request.body) == ("abc@a.com", b"hello")
    assert bytes(request) == data


def test_line_ends_of_both_kinds():
    data = FULL.replace(b"70\r\n", b"70\n").replace(b"Length: 5\r\n", b"Length: 5\n")

    assert parse(data).body == b"hello"


def test_empty_lines_before_the_message():
    """§7.5."""
    assert bytes(parse(b"\r\n\r\n" + FULL)) == FULL


def test_bytes_that_are_no_utf_8():
    data = options((b'"Alice"', b'"\xc3\x28\xff"'), more=b"Subject: \xe2\x82\n".replace(b"\n", b"\r\n"))
    request = parse(data)

    assert request.from_.display_name == "\udcc3(\udcff"
    assert bytes(request) == data
    request.headers.set("Subject", request.headers.get("Subject"))
    assert bytes(request) == data.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")


def test_a_multipart_body_is_left_intact():
    body = b"--x\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0\r\n--x--\r\n"
    data = options(
        more=b"Content-Type: multipart/mixed;boundary=x\r\nContent-Length: %d\r\n" % len(body), body=body
    )

    assert parse(data).body == body


# --- the length of the body, §18.3 ----------------------------------------------------------------------


def test_without_a_length_the_body_goes_to_the_end():
    assert parse(options(body=b"abc")).body == b"abc"


def test_what_follows_the_body_is_cut_off():
    request = parse(FULL + b"rubbish")

    assert request.body == b"hello"
    assert bytes(request) == FULL


def test_the_same_length_twice():
    assert parse(options(more=b"Content-Length: 1\r\nl: 01\r\n", body=b"x")).body == b"x"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b"Content-Length: 6\r\n", "Content-Length is larger than the body"),
        (b"Content-Length: -1\r\n", "Content-Length is not a number"),
        (b"Content-Length:\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1\r\nl: 2\r\n", "Content-Length is there twice with different values"),
    ],
)
def test_a_length_that_cannot_be(more, reason):
    error = fault(options(more=more, body=b"hello"))

    assert (error.reason, error.header, error.status) == (reason, "Content-Length", 400)
    assert error.request.call_id == "abc@a.com"


# --- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason", "header"),
    [
        (options((b"Via:", b"X-Via:")), "Via is missing", "Via"),
        (options((b"From:", b"X-From:")), "From is missing", "From"),
        (options((b"To:", b"X-To:")), "To is missing", "To"),
        (options((b"Call-ID:", b"X:")), "Call-ID is missing", "Call-ID"),
        (options((b"CSeq:", b"X:")), "CSeq is missing", "CSeq"),
        (options((b"Call-ID: abc@a.com", b"Call-ID:")), "Call-ID is empty", "Call-ID"),
        (options((b"SIP/2.0/UDP 10", b"UDP 10")), "Via is not a protocol, a transport and an address", "Via"),
    ],
)
def test_faults_that_cannot_be_answered(data, reason, header):
    """Without Via, From, To, Call-ID and CSeq there is no response."""
    error = fault(data)

    assert (error.reason, error.header, error.request) == (reason, header, None)


@pytest.mark.parametrize(
    ("data", "reason", "header"),
    [
        (options(more=b"i: other\r\n"), "Call-ID is there twice", "Call-ID"),
        (options(more=b"CSeq: 7 OPTIONS\r\n"), "CSeq is there twice", "CSeq"),
        (options(more=b"f: <sip:a>;tag=2\r\n"), "From is there twice", "From"),
        (options(more=b"To: <sip:a>\r\n"), "To is there twice", "To"),
        (options(more=b"Max-Forwards: 5\r\n"), "Max-Forwards is there twice", "Max-Forwards"),
        (options((b"7 OPTIONS", b"7 INVITE")), "CSeq is for INVITE and the request is OPTIONS", "CSeq"),
        (options((b"7 OPTIONS", b"seven")), "CSeq is not a number and a method", "CSeq"),
        (options((b"7 OPTIONS", b"2147483648 OPTIONS")), "CSeq has a number of 2**31 or more", "CSeq"),
        (options((b"<sip:bob@b.com>", b"<sip:bob@b.com>;;")), EMPTY_PARAMETER, "To"),
        (options((b'"Alice"', b'"Alice')), UNCLOSED, "From"),
        (options((b"To: <sip:bob@b.com>", b"To: sip:b?x=y")), NEEDS_BRACKETS, "To"),
        (options(more=b"Bad Name: x\r\n"), "A header name is not a token: 'Bad Name'", "Bad Name"),
        (options(more=b": x\r\n"), "A header name is not a token: ''", ""),
        (options(more=b"Supported\r\n"), "Supported has no colon", "Supported"),
        (options(more=b"X: a\0b\r\n"), "X has a NUL or a carriage return in its value", "X"),
        (options(more=b"X: a\rb\r\n"), "X has a NUL or a carriage return in its value", "X"),
        (PLAIN[:-2], "The headers do not end with an empty line", None),
        (PLAIN[:-4], "The headers do not end with an empty line", None),
        (options(start=b"OPTIONS <sip:a> SIP/2.0\r\n"), NOT_IN_A_URI, None),
        (options(start=b"OPTIONS sip:a; lr SIP/2.0\r\n"), NOT_IN_A_URI, None),
        (options(start=b"OPTIONS  sip:a SIP/2.0\r\n"), NOT_IN_A_URI, None),
        (options(start=b"OPTIONS sip:\ra SIP/2.0\r\n"), NOT_IN_A_URI, None),
        (options(start=b"OPTIONS sip:a SIP/2.0 \r\n"), NO_VERSION, None),
        (options(start=b"OPTIONS sip:a HTTP/1.1\r\n"), NO_VERSION, None),
    ],
)  # fmt: skip
def test_faults_that_can_be_answered(data, reason, header):
    error = fault(data)

    assert (error.reason, error.status, error.header) == (reason, 400, header)
    answer = make_response(error.request, error.status, error.reason, to_tag="t")
    assert bytes(answer).startswith(
        b"SIP/2.0 400 " + reason.encode() + b"\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;"
    )


def test_another_sip_version():
    """§21.5.7."""
    error = fault(options(start=b"OPTIONS sip:a SIP/7.0\r\n"))

    assert (error.reason, error.status) == ("The SIP version is 7.0 and not 2.0", 505)
    assert error.request is not None


def test_the_version_may_be_written_in_small_letters():
    """§7.1."""
    assert parse(options(start=b"OPTIONS sip:a sip/2.0\r\n")).uri_text == "sip:a"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"hello\r\n\r\n",
        b"OPTIONS\r\n\r\n",
        b"SIP/2.0 99 Too Low\r\n\r\n",
        b"SIP/2.0 4294967301 better not break the receiver\r\n\r\n",
        b"SIP/2.0 200 O\0K\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n",
        b"OPT(IONS sip:a SIP/2.0\r\n\r\n",
    ],
)
def test_first_lines_of_something_else(data):
    error = fault(data)

    assert error.reason == "The first line is neither a request line nor a status line"
    assert error.request is None


def test_a_faulty_response_is_never_answered():
    error = fault(options(start=b"SIP/2.0 200 OK\r\n", more=b"Content-Length: 9\r\n"))

    assert error.request is None


def test_the_first_fault_is_the_one_reported():
    error = fault(options(more=b"Bad Name: x\r\nAlso Bad: y\r\n"))

    assert error.header == "Bad Name"


SPLINTERS = [b"\r", b"\n", b"\r\n ", b'"', b"<", b",", b";", b":", b"\0", b"\xff", b"(", b"\\", b"%", b" "]


@given(
    st.lists(st.tuples(st.integers(0, len(FULL)), st.integers(0, 3), st.sampled_from(SPLINTERS)), max_size=4)
)
def test_any_mutation_is_a_message_or_a_parse_error(changes):
    """And what is said to be answerable can be answered."""
    mutated = FULL
    for position, length, splinter in changes:
        mutated = mutated[:position] + splinter + mutated[position + length :]
    try:
        message = parse(mutated)
    except ParseError as error:
        if error.request is not None:
            bytes(make_response(error.request, error.status, error.reason, to_tag="x"))
        return
    assert bytes(message) in mutated


@pytest.mark.parametrize(
    "text", [b" ", b"(", b"<", b'"', b"a", b"\r\n ", b"\n", b";", b",", b"a:\r\n", b"\\", b"%", b"@", b";a"]
)
@pytest.mark.parametrize("header", [b"X: ", b"To: ", b"CSeq: ", b"Via: ", b"From: ", b"Contact: "])
def test_no_datagram_of_64_kilobytes_is_slow(header, text):
    """A quadratic step would need minutes here."""
    line = next((line for line in HEAD.split(b"\r\n") if line.startswith(header)), b"")
    flood = header + text * (60_000 // len(text)) + b"x"
    data = START + HEAD.replace(line + b"\r\n", flood + b"\r\n") if line else options(more=flood + b"\r\n")

    def read():
        with contextlib.suppress(ParseError):
            _ = parse(data + b"\r\n").contacts

    assert seconds_of(read) < 10.0


def test_a_head_is_as_long_as_on_a_stream_and_no_longer():
    room = LONGEST_HEAD - len(options(more=b"X: \r\n"))

    assert parse(options(more=b"X: " + b"x" * room + b"\r\n", body=b"b" * 40_000)).body == b"b" * 40_000
    error = fault(options(more=b"X: " + b"x" * (room + 1) + b"\r\n"))
    assert (error.status, error.reason) == (513, "The headers are longer than 16384 bytes")
    assert error.request is not None


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("line", [b"X: y", b"X: y\r\n z\r\n z"])
def test_a_head_has_256_lines_and_no_more(end, line):
    count, rest = divmod(256 - HEAD.count(b"\r\n"), line.count(b"\r\n") + 1)
    more = (line + b"\r\n") * count + b"Y: z\r\n" * rest

    assert isinstance(parse(options(more=more).replace(b"\r\n", end)), Request)
    error = fault(options(more=more + b"Y: z\r\n").replace(b"\r\n", end))
    assert (error.status, error.reason) == (513, "There are more than 256 header lines")
    assert error.request is not None


@pytest.mark.parametrize("line", [b"(\r\n", b"X\r\n", b"a b: c\r\n", b"X: \0\r\n", b":\r\n", b"<\n"])
def test_no_more_than_one_fault_is_looked_for(line, monkeypatch):
    """Each one costs an exception; 60 kB of them cost 94 ms."""
    faults, made = [], ParseError.__init__
    monkeypatch.setattr(ParseError, "__init__", lambda *args, **more: faults.append(1) or made(*args, **more))
    data = START + line * 30 + HEAD + line * (60_000 // len(line)) + b"\r\n"
    errors = []
    took = seconds_of(lambda: errors.append(fault(data)))
    (error,) = errors

    assert took < 0.05
    assert error.request is not None
    assert len(faults) <= 2


def test_what_cannot_be_read_leaves_no_cycles_behind():
    """A switch that is busy collects no garbage: reference counts have to free all of it."""
    faulty = [
        FULL.replace(b"CSeq: ", b"CSeq: x"), FULL.replace(b"Via: ", b"V ia: "), FULL.replace(b"Call-ID: ", b"Call-ID "),
        FULL.replace(b"From: ", b"From: <<"), FULL.replace(b"To: ", b"\xff\x00: "), FULL[:40], b"\x80\r\n\r\n",
        FULL.replace(b"SIP/2.0", b"SIP/3.0", 1), FULL.replace(b"\r\n", b"\r\nX: \0\r\n", 1), b"A B C\r\n" * 300,
    ]  # fmt: skip

    def read():
        for data in faulty:
            for take in (parse, StreamFramer().feed):
                try:
                    take(data)
                except ParseError as error:
                    _ = error.request

    read()  # what is remembered is made once
    is_on = gc.isenabled()
    gc.collect()
    gc.freeze()  # what finalizers of other tests' leavings make is theirs: only what comes from here on is counted
    gc.disable()
    try:
        read()
        assert gc.collect() == 0
    finally:
        gc.unfreeze()
        if is_on:
            gc.enable()
