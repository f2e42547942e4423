"""The simulated phone, against a stack that plays the switch, with its faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from sipwright.commands.testcall import Ladder, Phone
from sipwright.commands.testcall.audio import describe
from sipwright.commands.testcall.report import Unfinished
from sipwright.sip import Request, digest
from sipwright.sip.transaction import ServerTransaction
from sipwright.stack import Exchange, Incoming, Pipeline, Stack
from sipwright.transport import Target, UdpTransport

BODY = describe("10.0.0.1", 4000)
BRIEFLY = 0.05


class FakeSwitch:
    """Keeps what comes, and answers it as `answer` says."""

    def __init__(self) -> None:
        self.stack = Stack([UdpTransport("127.0.0.1", 0)], Pipeline([self._take]))
        self.taken: list[Request] = []
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self.answer: Callable[[Incoming], object] = lambda incoming: incoming.respond(200)

    @property
    def address(self) -> Target:
        return Target("udp", *self.stack.transports[0].local)

    def _take(self, incoming: Incoming) -> bool:
        self.taken.append(incoming.request)
        self.arrived.put_nowait(incoming.request.method)
        if incoming.request.method != "ACK":
            self.answer(incoming)
        return True

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.taken]

    async def send(self, request: Request, phone: Phone) -> int:
        """Send a request to the phone's socket, and return the status of its answer."""
        user = Exchange()
        self.stack.send_request(request, Target("udp", *phone.address), user)
        async with asyncio.timeout(60):
            return (await user.final).status

    def request(self, method: str, headers: tuple[tuple[str, str], ...] = (), *, to_tag: str = "") -> Request:
        tag = f";tag={to_tag}" if to_tag else ""
        pairs = (
            ("Max-Forwards", "70"),
            ("From", "<sip:x@example.org>;tag=switch"),
            ("To", f"<sip:b@example.org>{tag}"),
            ("Call-ID", "from-the-switch"),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:127.0.0.1>"),
        )
        return Request(method, "sip:b@10.0.0.1", (*pairs, *headers))


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    await fake.stack.start()
    yield fake
    await fake.stack.close()


@pytest.fixture
async def phone(switch: FakeSwitch) -> AsyncIterator[Phone]:
    made = Phone("A", "a", "secret", "example.org", switch=switch.address, host="127.0.0.1", home="10.0.0.1",
                 ladder=Ladder())  # fmt: skip
    await made.open()
    yield made
    await made.close()


def challenge(incoming: Incoming, status: int, header: str) -> None:
    value = digest.challenge("example.org", "nonce", "SHA-256")
    incoming.reply_statelessly(status, headers=((header, value),))


@pytest.mark.parametrize(
    ("status", "asked", "answered"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
async def test_it_answers_a_challenge_with_its_password(
    switch: FakeSwitch, phone: Phone, status: int, asked: str, answered: str
):
    def answer(incoming: Incoming) -> None:
        values = incoming.request.headers.get_all(answered)
        found = digest.find_credentials(values, "example.org")
        secret = digest.ha1("a", "example.org", "secret", "SHA-256")
        if found is None:
            challenge(incoming, status, asked)
        else:
            is_right = digest.verify(found, "REGISTER", None, secret, "SHA-256")
            incoming.respond(200 if is_right else 403)

    switch.answer = answer

    assert (await phone.register(60)).status == 200
    assert [request.cseq.number for request in switch.taken] == [1, 2]
    assert {request.headers.get("Contact") for request in switch.taken} == {"<sip:a@10.0.0.1:5060>"}


async def test_it_gives_up_after_a_second_challenge(switch: FakeSwitch, phone: Phone):
    switch.answer = lambda incoming: challenge(incoming, 401, "WWW-Authenticate")

    assert (await phone.register(60)).status == 401
    assert switch.methods == ["REGISTER", "REGISTER"]


async def test_a_challenge_that_makes_no_sense_is_an_answer_like_any_other(switch: FakeSwitch, phone: Phone):
    switch.answer = lambda incoming: incoming.reply_statelessly(401)

    assert (await phone.register(60)).status == 401
    assert switch.methods == ["REGISTER"]


async def test_a_switch_that_is_there_answers(switch: FakeSwitch, phone: Phone):
    assert await phone.ping()


async def test_a_switch_that_says_nothing_is_not_there(switch: FakeSwitch, phone: Phone):
    switch.answer = lambda incoming: None

    assert not await phone.ping(BRIEFLY)


async def test_it_acknowledges_every_copy_of_an_answer(switch: FakeSwitch, phone: Phone):
    """RFC 3261 §13.2.2.4: the switch may not have got the first ACK."""

    def answer(incoming: Incoming) -> None:
        response = incoming.respond(200, headers=(("Contact", "<sip:127.0.0.1>"),))
        incoming.transaction.flow.send(bytes(response))

    switch.answer = answer

    assert (await phone.call("1", BODY)).status == 200
    async with asyncio.timeout(60):
        assert [await switch.arrived.get() for _ in range(3)] == ["INVITE", "ACK", "ACK"]


class Cancelled:
    """Answers the INVITE that is cancelled."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def on_cancel(self, tx: ServerTransaction, cancel: ServerTransaction) -> None:
        cancel.accept(self._incoming.stack.clock())
        self._incoming.respond(487)

    def on_ack(self, tx: ServerTransaction, request: Request) -> None: ...

    def on_timeout(self, tx: ServerTransaction) -> None: ...


async def test_it_cancels_a_call_that_nobody_has_answered(switch: FakeSwitch, phone: Phone):
    def answer(incoming: Incoming) -> None:
        incoming.open(Cancelled(incoming))
        incoming.respond(180)

    switch.answer = answer
    calling = asyncio.create_task(phone.call("1", BODY))
    async with asyncio.timeout(60):
        await switch.arrived.get()

    await phone.give_up()

    assert (await calling).status == 487


@pytest.mark.parametrize(("refusals", "status", "asked"), [(1, 200, 2), (9, 491, 3)])
async def test_it_asks_again_when_the_other_end_changes_the_call_too(
    switch: FakeSwitch, phone: Phone, monkeypatch: pytest.MonkeyPatch, refusals: int, status: int, asked: int
):
    monkeypatch.setattr("sipwright.commands.testcall.phone.GLARE", 0.0)
    await phone.call("b", BODY)
    statuses = iter([491] * refusals + [200] * 9)
    switch.answer = lambda incoming: incoming.respond(next(statuses))
    before = switch.methods.count("INVITE")

    assert (await phone.change(BODY)).status == status
    assert switch.methods.count("INVITE") - before == asked


async def test_it_hangs_up_a_call_that_is_on(switch: FakeSwitch, phone: Phone):
    switch.answer = lambda incoming: incoming.respond(200, headers=(("Contact", "<sip:127.0.0.1>"),))
    await phone.call("1", BODY)

    await phone.give_up()

    assert switch.methods == ["INVITE", "ACK", "BYE"]
    with pytest.raises(Unfinished, match="phone A has no call any more"):
        await phone.hang_up()


async def test_it_refuses_a_call_that_rings(switch: FakeSwitch, phone: Phone):
    calling = asyncio.create_task(switch.send(switch.request("INVITE"), phone))
    await phone.ringing()

    await phone.give_up()

    assert await calling == 480


async def test_a_call_that_rings_can_be_cancelled(switch: FakeSwitch, phone: Phone):
    user = Exchange()
    transaction = switch.stack.send_request(switch.request("INVITE"), Target("udp", *phone.address), user)
    await phone.ringing()

    transaction.cancel(switch.stack.clock())  # type: ignore[attr-defined]

    assert (await user.final).status == 487


async def test_what_does_not_come_in_time_is_told(phone: Phone):
    with pytest.raises(Unfinished, match=r"phone A got no BYE within 0\.05 s"):
        await phone.expect("BYE", patience=BRIEFLY)


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("INFO", 405)])
async def test_it_answers_what_no_user_is_asked_about(
    switch: FakeSwitch, phone: Phone, method: str, status: int
):
    assert await switch.send(switch.request(method), phone) == status


async def test_a_request_of_another_call_does_not_end_this_one(switch: FakeSwitch, phone: Phone):
    """RFC 3261 §12.2.2."""
    switch.answer = lambda incoming: incoming.respond(200, headers=(("Contact", "<sip:127.0.0.1>"),))
    await phone.call("1", BODY)

    assert await switch.send(switch.request("BYE", to_tag="other"), phone) == 481
    assert phone.dialog is not None
