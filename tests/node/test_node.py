"""One node as a whole: what it is made of answers on real sockets, and lets go of them."""

import asyncio
import socket
from types import SimpleNamespace

import pytest
import pytest_asyncio

from folders import data_folder
from sipwright.config import Settings
from sipwright.node.directory_views import AccountLoader
from sipwright.node.last_steps import answer_options, refuse_method
from sipwright.node.node import Node
from sipwright.services.switch import DialledNumbers, Switch, refuse_unknown
from sipwright.sip import Request, parse

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("node") / "data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(folder):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
        environment.setenv("SIPWRIGHT_SIP__TCP", "[]")
        made = await Node.open(Settings.load(folder))
    await made.start()
    yield made
    await made.stop()


async def asked(node, method, uri="sip:example.org", headers=""):
    """Send a request from a socket of its own, and return the response."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.connect(node.stack.transports[0].local)
        await loop.sock_sendall(
            phone,
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{method};rport\r\n"
            f"From: <sip:somebody@example.net>;tag=1\r\nTo: <sip:example.org>\r\nCall-ID: {method}\r\n"
            f"CSeq: 1 {method}\r\n{headers}Content-Length: 0\r\n\r\n".encode(),
        )
        return parse(await loop.sock_recv(phone, 65_535))


async def test_a_node_says_what_it_can_and_what_it_cannot(node):
    options, unknown = await asked(node, "OPTIONS"), await asked(node, "FROBNICATE")

    assert (options.status, unknown.status) == (200, 405)
    assert options.headers.get("Allow") == unknown.headers.get("Allow")
    assert {"REGISTER", "PUBLISH"} <= set(options.headers.get_list("Allow"))


async def test_what_is_published_of_no_event_is_refused_with_those_that_there_are(node):
    """RFC 3903 §6 step 2."""
    refused = await asked(node, "PUBLISH")

    assert (refused.status, refused.headers.get("Allow-Events")) == (489, "presence")


@pytest.mark.parametrize(
    "method", ["OPTIONS", "MESSAGE", "INVITE", "SUBSCRIBE", "REGISTER", "PUBLISH", "BYE"]
)
async def test_an_extension_that_nobody_knows_is_refused_whatever_is_asked(node, method):
    """RFC 3261 §8.2.2.3."""
    required = "Proxy-Require: privacy, sec-agree\r\nRequire: nothingSupportsThis\r\n"
    refused = await asked(node, method, headers=required)

    assert refused.status == 420
    assert refused.headers.get("Unsupported").split(", ")[-1] == "sec-agree"
    assert "privacy" not in refused.headers.get("Unsupported")


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE", "MESSAGE"])
async def test_a_scheme_that_nobody_knows_is_refused_whatever_is_asked(node, method):
    """RFC 3261 §8.2.2.1, RFC 4475 §3.3.2."""
    unknown = await asked(node, method, uri="nobodyKnowsThisScheme:totallyopaquecontent")

    assert unknown.status == 416


async def test_an_event_that_we_do_not_have_is_refused(node):
    """RFC 6665 §4.2.1.1, and that PUBLISH is no method here (RFC 3903 §6)."""
    subscribe = await asked(node, "SUBSCRIBE", headers="Event: conference\r\n")

    assert (subscribe.status, subscribe.headers.get("Allow-Events")) == (
        489,
        "dialog, message-summary, presence, reg, refer",
    )


@pytest.mark.parametrize(("told", "expected"), [
    (Switch.told, "path, eventlist, replaces, timer, 100rel"),
    (Switch.told_without_timer, "path, eventlist, replaces, 100rel"),
])  # fmt: skip
async def test_what_options_promise_is_done(told, expected):
    """With `session_expires = 0` there are no session timers, and none are promised."""
    heard = []
    asks = SimpleNamespace(
        request=Request("OPTIONS", "sip:a@b"),
        reply_statelessly=lambda status, headers: heard.append(dict(headers)),
    )
    answer_options(asks, told)

    assert [headers["Supported"] for headers in heard] == [expected]


async def test_the_steps_are_asked_in_this_order(node):
    guarding, numbers, first, second, *others = node.pipeline.steps

    assert guarding is node.guarding
    assert isinstance(numbers, DialledNumbers)
    assert first is refuse_unknown
    assert isinstance(second, AccountLoader)
    assert others == [
        node.outage,
        node.registrar,
        node.notifier,
        node.publisher,
        node.messages_waiting,
        node.switch,
        answer_options,
        refuse_method,
    ]
