"""What a node leaves of the requests that it refuses: a line, a CDR, and what `trace` shows."""

import asyncio
import socket

import pytest
import structlog
from structlog.testing import capture_logs

from administering import Administering
from sipwright.commands.init import initialise
from sipwright.config import Settings
from sipwright.monitor.trace.why import why
from sipwright.node.counts import read_counts
from sipwright.node.node import Node
from sipwright.node.refusals import MOST_SOURCES, LimitLines
from sipwright.sip import Reject, parse
from sipwright.store.admin.administration import Administration
from sipwright.store.admin.specs import AccountChange
from sipwright.store.history.calltraces import read_call

FULL = Reject(503, "Too Many Calls From Your Address", why="a tenth", is_limit=True)


@pytest.fixture
def log():
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def timers():
    return []


@pytest.fixture
def lines(timers):
    return LimitLines(lambda delay, callback: timers.append((delay, callback)))


def tick(timers):
    due, timers[:] = list(timers), []
    for delay, callback in due:
        assert delay == 1.0
        callback()


def test_the_first_is_said_at_once_and_the_others_a_second_later_with_their_number(lines, timers, log):
    lines.refused(FULL, "66.0.0.6", "sip:bob@example.org")
    for source in ["66.0.0.6"] * 5 + ["66.0.0.7"]:
        lines.refused(FULL, source, "sip:carol@example.org")
    tick(timers)

    assert [
        (line["count"], line["sources"], line["source"], line["of_source"], line["to"]) for line in log
    ] == [
        (1, 1, "66.0.0.6", 1, "sip:bob@example.org"),
        (6, 2, "66.0.0.6", 5, "sip:carol@example.org"),
    ]
    assert (log[0]["why"], log[0]["status"]) == ("a tenth", 503)


def test_whoever_reads_events_hears_what_the_log_says(lines, timers, log):
    heard = []
    lines.watch = heard.append
    for _ in range(3):
        lines.refused(FULL, "66.0.0.6", "sip:bob@example.org")
    tick(timers)

    assert [one["count"] for one in heard] == [1, 2]
    assert heard == [{name: line[name] for name in heard[0]} for line in log]


def test_nothing_is_left_when_no_more_come(lines, timers, log):
    lines.refused(FULL, "66.0.0.6", "x")
    tick(timers)
    tick(timers)

    assert (len(log), timers, lines._counts) == (1, [], {})


def test_each_limit_has_its_own_line(lines, log):
    lines.refused(FULL, "66.0.0.6", "x")
    lines.refused(Reject(480, "Too Many Runs Of Dialplans", is_limit=True), "66.0.0.6", "x")

    assert [line["status"] for line in log] == [503, 480]


def test_sources_are_not_counted_without_end(lines, timers, log):
    for number in range(MOST_SOURCES + 50):
        lines.refused(FULL, str(number), "x")
    tick(timers)

    assert (log[1]["count"], log[1]["sources"]) == (MOST_SOURCES + 49, MOST_SOURCES)


@pytest.fixture
async def settings(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    await asyncio.to_thread(initialise, folder, "example.org", "admin", "password")
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    return Settings.load(folder)


@pytest.fixture
async def node(settings):
    made = await Node.open(settings)
    await made.start()
    yield made
    await made.stop()


async def asked(node, method, uri, number=1, *, headers="", call_id=None, to_tag=""):
    """Send a request from a socket of its own, and return the response."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.connect(node.stack.transports[0].local)
        to = uri.replace("urn:service:x", "sip:1@example.org") if method == "INVITE" else uri
        await loop.sock_sendall(
            phone,
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{method}{number};rport\r\n"
            f"From: <sip:somebody@example.net>;tag=1\r\nTo: <{to}>{to_tag}\r\n"
            f"Call-ID: {call_id or f'{method}-{number}'}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:somebody@127.0.0.1:9>\r\n{headers}"
            "Content-Length: 0\r\n\r\n".encode(),
        )
        return parse(await loop.sock_recv(phone, 65_535))


REFUSED = [
    (
        "INVITE",
        "sip:bob@sip.wrong.example",
        "",
        404,
        "domain sip.wrong.example is not served here (served: example.org)",
    ),
    (
        "REGISTER",
        "sip:sip.wrong.example",
        "",
        404,
        "domain sip.wrong.example is not served here (served: example.org)",
    ),
    ("INVITE", "sip:nobody@example.org", "", 404, "there is no account nobody@example.org"),
    ("INVITE", "sip:bob@example.org", "Require: x-magic\r\n", 420, "turn it off there: x-magic"),
    ("INVITE", "sip:bob@example.org", "Max-Forwards: 0\r\n", 483, "Max-Forwards is used up"),
    ("INVITE", "urn:service:x", "", 416, "is of a scheme that is not spoken here"),
    ("INVITE", "tel:+1", "", 404, "there is no account +1@example.org"),
    ("LEARN", "sip:bob@example.org", "", 405, "the method is not supported"),
    ("INVITE", "sip:example.org", "", 484, "the Request-URI names nobody"),
    ("BYE", "sip:bob@example.org", "", 481, "no call here is the one that it belongs to"),
    ("UPDATE", "sip:bob@example.org", "", 481, "no call here is the one that it belongs to"),
    ("CANCEL", "sip:bob@example.org", "", 481, "no request that waits for its answer is the one to cancel"),
]


@pytest.mark.parametrize(("method", "uri", "headers", "status", "why"), REFUSED)
async def test_every_refusal_is_a_line_that_says_what_to_do(node, method, uri, headers, status, why):
    with structlog.testing.capture_logs() as lines:
        answer = await asked(node, method, uri, headers=headers)

    (line,) = [line for line in lines if line["event"] == "request refused"]
    assert (answer.status, line["status"], line["method"]) == (status, status, method)
    assert why in line["why"]
    assert line["source"].startswith("127.0.0.1:")


@pytest.mark.parametrize("method", ["BYE", "INFO", "REFER", "INVITE"])
async def test_what_belongs_to_no_call_is_a_line_at_most_one_a_minute(node, method):
    with structlog.testing.capture_logs() as lines:
        for number in range(3):
            answer = await asked(node, method, "sip:bob@127.0.0.1", number, to_tag=";tag=gone")
            assert answer.status == 481

    (line,) = [line for line in lines if line["event"] == "request refused"]
    assert (line["method"], line["log_level"], line["left_out"]) == (method, "info", 0)
    assert node.refusals.without_cdr == 0


async def test_ended_calls_hide_no_refusal(node):
    with structlog.testing.capture_logs() as lines:
        for number in range(30):
            await asked(node, "BYE", "sip:bob@127.0.0.1", number, to_tag=f";tag={number}")
            await asked(node, "UPDATE", "sip:bob@127.0.0.1", number, to_tag=f";tag={number}")
        await asked(node, "LEARN", "sip:bob@example.org")

    (line,) = [line for line in lines if line["event"] == "request refused" and line["status"] == 405]
    assert line["left_out"] == 0


async def test_phones_that_keep_their_nat_open_leave_no_line(node):
    with structlog.testing.capture_logs() as lines:
        assert (await asked(node, "NOTIFY", "sip:example.org", headers="Event: keep-alive\r\n")).status == 481

    assert lines == []


async def test_a_call_to_a_disabled_account_is_a_line_and_a_cdr(settings):
    store = await Administration.open(settings.database_url, settings.key_file)
    await store.add_account("bob", "secret")
    await Administering(store).change_account("bob", AccountChange(is_enabled=False))
    await store.close()
    node = await Node.open(settings)
    await node.start()
    with structlog.testing.capture_logs() as lines:
        assert (await asked(node, "INVITE", "sip:bob@example.org", call_id="disabled")).status == 404
        assert (await asked(node, "INVITE", "sip:nobody@example.org")).status == 404
    await node.stop()

    line, other = [line for line in lines if line["event"] == "request refused"]
    assert (line["sip_call_id"], "call_id" in line) == ("disabled", False)
    assert "there is no account nobody@example.org" in other["why"]  # the one does not hide the other
    assert (
        "account bob@example.org is disabled; 'sipwright account set bob@example.org --enable'" in line["why"]
    )
    store = await Administration.open(settings.database_url, settings.key_file)
    try:
        assert [cdr["status"] for cdr in await Administering(store).list_cdrs()] == [404]
        assert "called: 404 Not Found; the log says why" in why(await read_call(store.database, "disabled"))
    finally:
        await store.close()


async def test_a_refused_invite_has_a_cdr_and_trace_finds_it(settings):
    node = await Node.open(settings)
    await node.start()
    await asked(node, "INVITE", "sip:bob@sip.wrong.example", call_id="refused-1")
    await node.stop()

    store = await Administration.open(settings.database_url, settings.key_file)
    try:
        (cdr,) = await Administering(store).list_cdrs()
        trace = await read_call(store.database, "refused-1")
    finally:
        await store.close()
    assert (cdr["direction"], cdr["status"], cdr["reason"]) == ("refused", 404, "Domain Not Served Here")
    assert (cdr["from_uri"], cdr["to_uri"]) == ("sip:somebody@example.net", "sip:bob@sip.wrong.example")
    assert "before anybody was called: 404 Domain Not Served Here; the log says why" in why(trace)
    assert [message.data[:10] for message in trace.messages] == [b"INVITE sip", b"SIP/2.0 40"]


async def test_what_another_node_is_refused_has_its_cdr_there(settings):
    node = await Node.open(settings)
    await node.start()
    node.stack.is_peer = lambda address: True
    assert (await asked(node, "INVITE", "sip:bob@sip.wrong.example")).status == 404
    await node.stop()

    store = await Administration.open(settings.database_url, settings.key_file)
    try:
        assert await Administering(store).list_cdrs() == []
    finally:
        await store.close()


async def test_a_flood_leaves_one_line_in_a_minute_and_one_cdr_in_a_second(node):
    with structlog.testing.capture_logs() as lines:
        for number in range(30):
            await asked(node, "INVITE", "sip:nobody@example.org", number)

    assert len([line for line in lines if line["event"] == "request refused"]) == 1
    assert node.refusals.count == 30
    assert node.refusals.without_cdr >= 27
    assert read_counts(node)["refused_without_cdr"] == node.refusals.without_cdr
