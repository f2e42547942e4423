"""Sockets that were seen, put into descriptions."""

from __future__ import annotations

import pytest

from sipwright.sdp import media
from sipwright.sdp.rendezvous import has_tokens, place_sockets

TOKEN, OTHER = "abcdefghijklmnop", "ABCDEFGHIJKLMNOPQRST"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.168.1.7\r\ns=-\r\nc=IN IP4 192.168.1.7\r\nt=0 0\r\n"
SEEN = {TOKEN: ("198.51.100.7", 40_000), OTHER: ("2001:db8::7", 40_002)}


def placed(text):
    return place_sockets(text.encode(), SEEN.get).decode()


def test_the_media_that_names_a_token_is_where_it_was_seen():
    text = (
        f"{HEAD}m=audio 4000 RTP/AVP 0 8\r\na=rtcp:4001\r\na=x-rendezvous:{TOKEN}\r\na=sendrecv\r\n"
        f"m=video 4002/1 RTP/AVP 96\r\nc=IN IP4 192.168.1.7\r\na=x-rendezvous:{OTHER}\r\n"
    )
    assert placed(text) == (
        f"{HEAD}m=audio 40000 RTP/AVP 0 8\r\nc=IN IP4 198.51.100.7\r\na=sendrecv\r\n"
        "m=video 40002/1 RTP/AVP 96\r\nc=IN IP6 2001:db8::7\r\n"
    )
    assert [(one.kind, one.port, one.connection) for one in media(placed(text).encode())] == [
        ("audio", 40_000, "198.51.100.7"), ("video", 40_002, "2001:db8::7"),
    ]  # fmt: skip


@pytest.mark.parametrize("token", ["notseenbefore1234", "short", "with spaces in it 123", ""])
def test_a_token_that_was_not_seen_is_left_out(token):
    text = f"{HEAD}m=audio 4000 RTP/AVP 0\r\na=x-rendezvous:{token}\r\n"

    assert placed(text) == f"{HEAD}m=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_whatever_lines_end_with(end):
    newline = end or "\r\n"
    text = (HEAD + f"m=audio 4000 RTP/AVP 0\r\na=x-rendezvous:{TOKEN}\r\n").replace("\r\n", newline)
    if not end:
        text = text.removesuffix("\r\n")

    assert (media(placed(text).encode())[0].port, "x-rendezvous" in placed(text)) == (40_000, False)


def test_a_description_without_tokens_has_none():
    assert not has_tokens(HEAD.encode())
    assert has_tokens(f"{HEAD}m=audio 1 RTP/AVP 0\r\na=x-rendezvous:x\r\n".encode())
    assert placed(HEAD) == HEAD


def test_a_token_of_the_session_means_nothing():
    assert placed(f"{HEAD}a=x-rendezvous:{TOKEN}\r\nm=audio 4000 RTP/AVP 0\r\n").endswith(
        "m=audio 4000 RTP/AVP 0\r\n"
    )
