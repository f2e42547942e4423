"""Whose a message is, of several workers."""

import pytest

from sipwright.stack.receiver import BRIEF
from sipwright.stack.sorting import LATER, Ours, Sorter
from sipwright.stack.tokens import MarkedTokens, RandomTokens

BOOTS = {1: "north", 2: "north+2"}
TOKEN = "A" * 24

OURS, THEIRS = (MarkedTokens(boot)() for boot in (1, 2))
BRANCH = "z9hG4bK" + MarkedTokens(2, RandomTokens())()
VIA = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKphone;rport"


@pytest.fixture
def sorter() -> Sorter:
    return Sorter(BOOTS.get, lambda token: "north+2" if token == TOKEN else None)


def message(first: str, *lines: str) -> bytes:
    return "\r\n".join([first, *lines, "Content-Length: 0", "", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "owner"),
    [
        pytest.param(["BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={THEIRS}"], "north+2", id="request"),
        pytest.param(["BYE sip:a@b SIP/2.0", VIA, f"t:<sip:a@b> ; tag={OURS}"], "north", id="compact form"),
        pytest.param(["BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={THEIRS}.1"], "north+2", id="longer tag"),
        pytest.param(["BYE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>;tag=phone-b2"], None, id="tag of a phone"),
        pytest.param(["INVITE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>"], None, id="new call"),
        pytest.param(
            ["INVITE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>", f"Replaces: id;from-tag=x;to-tag={THEIRS}"],
            "north+2", id="replaces",
        ),
        *(
            pytest.param(
                ["INVITE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>", f"{name}: id;{tags}"], owner, id=f"{name} {tags[:8]}",
            )
            for name in ("Replaces", "JOIN", "join ")
            for tags, owner in (
                (f"to-tag={THEIRS};from-tag=x", "north+2"), (f"from-tag={THEIRS};to-tag=x", "north+2"),
                (f"from-tag={OURS} ; to-tag={THEIRS}", "north+2"), (f"TO-TAG={OURS};from-tag={THEIRS}", "north"),
                ("early-only", None),
            )
        ),
        pytest.param(["REGISTER sip:b SIP/2.0", VIA, f"To: <sip:a@b>;tag={THEIRS}"], None, id="register"),
        pytest.param(
            ["OPTIONS sip:a@b SIP/2.0", VIA, f"Route: <sip:{TOKEN}@192.0.2.1;lr>", "To: <sip:a@b>"], "north+2",
            id="flow",
        ),
        pytest.param(
            ["BYE sip:a@b SIP/2.0", VIA, f"Route: <sip:{TOKEN}@192.0.2.1;lr>", f"To: <sip:a@b>;tag={OURS}"],
            "north", id="the call goes before the flow",
        ),
        pytest.param(
            ["SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;rport;branch={BRANCH}", "To: <sip:a@b>;tag=x"],
            "north+2", id="response",
        ),
        pytest.param(
            ["SIP/2.0 200 OK", f"v: SIP/2.0/UDP 192.0.2.1;branch={BRANCH}, SIP/2.0/UDP 1.1.1.1;branch=z9hG4bKx"],
            "north+2", id="two vias in one line",
        ),
        pytest.param(
            ["SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKedge1", f"Via: x;branch={BRANCH}"], None,
            id="only the top via counts",
        ),
        pytest.param(
            ["SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKedge1;rport;flow={TOKEN}"], "north+2",
            id="response through the edge",
        ),
        pytest.param(["SIP/2.0 200 OK", f"Via: x;branch=z9hG4bK{'0' * 16}-b9"], None, id="boot that nobody has"),
        pytest.param(["\r\n"], None, id="no message"),
    ],
)  # fmt: skip
def test_the_worker_of_a_message(sorter: Sorter, lines: list[str], owner: str | None):
    assert sorter(message(*lines)) == owner


@pytest.mark.parametrize("name", ["Replaces", "Join"])
def test_what_belongs_to_a_replacing_invite_goes_where_that_has_gone(sorter: Sorter, name: str):
    sorter(message("INVITE sip:a@b SIP/2.0", VIA, f"{name}: id;to-tag={THEIRS};from-tag=x"))

    assert sorter(message("CANCEL sip:a@b SIP/2.0", VIA, "To: <sip:a@b>")) == "north+2"
    assert sorter(message("ACK sip:a@b SIP/2.0", VIA, "To: <sip:a@b>;tag=stateless")) == "north+2"
    assert sorter(message("CANCEL sip:a@b SIP/2.0", VIA.replace("phone", "other"), "To: <sip:a@b>")) is None


def test_the_sender_of_a_request_that_found_nobody(sorter: Sorter):
    invite = message("INVITE sip:a@b SIP/2.0", f"Via: SIP/2.0/UDP 192.0.2.1;branch={BRANCH};rport")

    assert sorter.sender_of(invite) == "north+2"
    assert sorter.sender_of(b"INVITE sip:a@b SIP/2.0\r\n") is None


@pytest.mark.parametrize(
    ("gone_to", "owner"), [("north", "north"), (LATER, LATER), ("", None), (None, "north+2")]
)
def test_a_dialog_that_has_left_its_boot_is_where_it_has_gone_to(gone_to: str | None, owner: str | None):
    sorter = Sorter(BOOTS.get, lambda token: None, {THEIRS.encode(): gone_to}.get)

    assert sorter(message("BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={THEIRS}")) == owner


@pytest.mark.parametrize(
    ("message", "is_plain"),
    [
        (message("BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={OURS}"), True),
        (message("BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={OURS}.1;x"), True),
        (message("BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={THEIRS}"), False),
        (message("BYE sip:a@b SIP/2.0", VIA, f"To: <sip:a@b>;tag={OURS}0"), False),
        (message("BYE sip:a@b SIP/2.0", VIA, f"t: <sip:a@b>;tag={OURS}"), False),
        (message("BYE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>", f"From: <sip:a@b>;tag={OURS}"), False),
        (message("INVITE sip:a@b SIP/2.0", VIA, "To: <sip:a@b>"), False),
        (message("SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK01{OURS};rport"), True),
        (message("SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK01{OURS}"), True),
        (message("SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{BRIEF}01{OURS};rport"), True),
        (message("SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch={BRANCH}"), False),
        (message("SIP/2.0 200 OK", f"Via: SIP/2.0/UDP 192.0.2.1;branch=x;branch=z9hG4bK{OURS}"), False),
        (message("SIP/2.0 200 OK", f"{VIA}, SIP/2.0/UDP b;branch=z9hG4bK{OURS}"), False),
        (message("SIP/2.0 200 OK", VIA, f"Via: SIP/2.0/UDP b;branch=z9hG4bK{OURS}"), False),
        (message("SIP/2.0 200 OK", VIA, f"To: <sip:a@b>;tag={OURS}"), False),
    ],
    ids=lambda value: "message" if isinstance(value, bytes) else str(value),  # its token is drawn anew each time
)  # fmt: skip
def test_what_is_plain_to_see_is_what_the_sorter_says(sorter, message, is_plain):
    assert Ours(1)(message) is is_plain
    assert not is_plain or sorter(message) == "north"
