import socket

import pytest

from sipwright.transport.steering import place_mark, place_user, steer_datagrams
from sipwright.transport.udp_socket import open_socket

FAMILIES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
TOKEN = "0123456789abcdef-b7"


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def workers(request):
    """The sockets of three workers at one address."""
    made, port = [], 0
    for _ in range(3):
        made.append(
            open_socket(request.param, (FAMILIES[request.param], port), wants_pktinfo=False, is_shared=True)
        )
        port = made[0].getsockname()[1]
        steer_datagrams(made[-1])
    yield made
    for each in made:
        each.close()


@pytest.fixture
def phone(workers):
    """A phone that talks to them."""
    with socket.socket(workers[0].family, socket.SOCK_DGRAM) as made:
        made.connect(workers[0].getsockname()[:2])
        yield made


def where(workers, phone, data):
    """Return which of the workers gets a datagram; over the loopback it is there when it was sent."""
    phone.send(data)
    found = []
    for number, worker in enumerate(workers):
        try:
            found.append((number, worker.recv(65_535) == data))
        except BlockingIOError:
            pass
    ((number, is_whole),) = found
    assert is_whole
    return number


def answer(branch, *, start="SIP/2.0 180 Ringing", sent_by="127.0.0.1:5060"):
    head = f"{start}\r\nVia: SIP/2.0/UDP {sent_by};branch={branch};rport=5060;received=127.0.0.1\r\n"
    rest = "From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>;tag=2\r\nCall-ID: 1\r\n"
    return (
        head + rest + "CSeq: 1 INVITE\r\nContact: <sip:bob@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("mark", ["", "n-"])
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"start": "SIP/2.0 200 OK", "sent_by": "a.b"},
        {"start": "SIP/2.0 486 " + "Busy " * 12, "sent_by": "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    ],
    ids=["usual", "short", "long"],
)
def test_an_answer_comes_to_the_worker_that_has_asked(workers, phone, other, mark):
    """Whichever phone it is from."""
    found = [
        where(workers, phone, answer(f"z9hG4bK{mark}{place_mark(place)}{TOKEN}", **other))
        for place in range(3)
    ]

    assert found == [0, 1, 2]


def bye(uri):
    head = f"BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKphone\r\nMax-Forwards: 70\r\n"
    rest = "From: <sip:bob@example.org>;tag=2\r\nTo: <sip:alice@example.org>;tag=1\r\nCall-ID: 1\r\n"
    return (
        head + rest + "CSeq: 1 BYE\r\nUser-Agent: a phone of some sort\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_a_bye_comes_to_the_worker_that_has_called(workers, phone):
    """Whose Contact, with its place as the user, is what the phone hangs up."""
    contacts = [f"sip:{place_user(place)}@127.0.0.1:5060" for place in range(3)]
    found = [where(workers, phone, bye(contact)) for contact in contacts]

    assert found == [0, 1, 2]


@pytest.mark.parametrize(
    "data",
    [
        bye("sip:127.0.0.1:5060"),
        bye("sip:w0@127.0.0.1:50601"),
        bye("sip:w99@127.0.0.1:5060"),
        bye("sip:w0x@127.0.0.1:5060"),
        bye("sip:w001@127.0.0.1:5060"),
        bye("sips:w02@127.0.0.1:5061"),
        bye("sip:w02@127.0.0.1:5060").replace(b"BYE", b"ACK"),
        bye("sip:w02@127.0.0.1:5060")[:100],
        b"\r\n\r\n",
        b"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK02%d\r\n" + b"x" * 400,
        answer("z9hG4bK03" + TOKEN),
        answer("z9hG4bK99" + TOKEN),
        answer("z9hG4bKedge" + TOKEN),
        answer("z9hG4bK/." + TOKEN),
        answer("of-2543"),
        answer("z9hG4bK01" + TOKEN)[:200],
        b"SIP/2.0 " + b"z" * 2_000,
    ],
    ids=[
        "no user",
        "one digit",
        "no such place",
        "half a place",
        "three digits",
        "sips",
        "another request",
        "half a request",
        "keep-alive",
        "request",
        "no such worker",
        "last",
        "edge",
        "no digits",
        "old",
        "too short",
        "no SIP",
    ],
)
def test_all_else_comes_where_all_else_of_the_phone_comes(workers, phone, data):
    assert where(workers, phone, data) == where(workers, phone, b"REGISTER")


def test_a_socket_that_cannot_be_steered_is_let_be():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    steer_datagrams(sock)

    assert sock.fileno() == -1
