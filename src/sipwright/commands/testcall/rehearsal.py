"""The test call itself, from the first OPTIONS to the last trace of it, and what is checked on the way."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sipwright.commands.common import CommandError
from sipwright.sip import Response
from sipwright.stack import Incoming
from sipwright.transport import Target

from .audio import as_seen, describe
from .phone import Phone
from .report import Report, Unfinished
from .scratch import Scratch, remove_leftovers
from .verdicts import check_media, check_records, check_script, note_script

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sipwright.sip import Message
    from sipwright.store import Administration
    from sipwright.store.history.traces import Trace

    from .place import Place

__all__ = ["rehearse"]

NOTICED_AFTER = 1.1
"""The switch looks for changes every second; asking before that would only look like a wrong password."""

RETRY_EVERY, MOST_TRIES = 0.25, 6
"""It has to know within two seconds. Tries are counted, as the machine may stand still between two of them."""

PING_WITHIN, MOST_PINGS = 0.5, 3
"""Seconds that each OPTIONS has: without a switch that is told soon."""

LOOK_EVERY, MOST_LOOKS = 0.02, 250
"""Within five seconds a call that is over is forgotten, and its records are written; likewise."""

RING, TALK = 0.2, 0.25
LONGEST_RING = 2.0
"""Seconds that it rings at most where the call is to be watched."""

HOME_A, HOME_B, CAMERA_B = "192.168.77.10", "10.77.0.20", "10.77.0.21"
PORT_A, PORT_B = 40_000, 41_000


async def rehearse(
    store: Administration, place: Place, hint: str, talk: float = 0.0, *, is_kept: bool = False
) -> Report:
    """Place the test call and return what was found; nothing of it is left behind that is not to be kept.

    Args:
        store: The store of the data folder that the switch runs with.
        place: Where the switch is, and from where to call it.
        hint: How to start the switch, for the error when there is none.
        talk: Seconds that the two talk before anything else happens, for people who watch; it rings longer then, too.
        is_kept: Whether the records of the call stay, and its dialplan, which the next such call runs as it is then.

    Raises:
        CommandError: There is no switch, or it does not know the accounts that were made for it.
    """
    return await _Rehearsal(store, place, hint, talk, is_kept).run()


class _Rehearsal:
    """One test call."""

    def __init__(self, store: Administration, place: Place, hint: str, talk: float, is_kept: bool) -> None:
        self._store = store
        self._place = place
        self._hint = hint
        self._rings_for = max(RING, min(talk / 2, LONGEST_RING))
        self._talks_for = TALK + talk
        self._report = Report()
        self._scratch = Scratch(store, is_kept=is_kept)
        self._report.dialplan = self._scratch.plan

    async def run(self) -> Report:
        started = time.monotonic()
        report, place = self._report, self._place
        domains = await self._store.list_domains()
        if not domains:
            raise CommandError("the switch serves no SIP domain; 'sipwright domain add NAME' adds one")
        caller, callee = self._phones(domains[0].name)
        report.switch = " and ".join(dict.fromkeys(map(_address, (place.switch_a, place.switch_b))))
        report.phones = {"A": caller.aor, "B": callee.aor}
        try:
            await caller.open()
            await callee.open()
            await self._find_switch(caller, callee)
            await remove_leftovers(self._store)
            making = asyncio.create_task(self._scratch.make())
            try:
                await asyncio.shield(making)
                await self._rehearse(caller, callee)
            finally:
                # Also when somebody presses Ctrl-C while something is being written.
                await asyncio.wait([making])
                await self._clean_up(caller, callee)
        finally:
            await caller.close()
            await callee.close()
        report.seconds = time.monotonic() - started
        return report

    def _phones(self, domain: str) -> tuple[Phone, Phone]:
        scratch, place, ladder = self._scratch, self._place, self._report.ladder
        caller = Phone("A", scratch.caller_name, scratch.passwords[0], domain, switch=place.switch_a,
                       host=place.host_a, home=HOME_A, ladder=ladder)  # fmt: skip
        callee = Phone("B", scratch.callee_name, scratch.passwords[1], domain, switch=place.switch_b,
                       host=place.host_b, home=HOME_B, ladder=ladder)  # fmt: skip
        return caller, callee

    async def _find_switch(self, *phones: Phone) -> None:
        answers = await asyncio.gather(*map(_finds_switch, phones))
        for has_answered, target in zip(answers, (self._place.switch_a, self._place.switch_b), strict=True):
            if not has_answered:
                raise CommandError(f"no switch answers at {_address(target)}; {self._hint}")
        self._report.ladder.forget_from(0)

    async def _rehearse(self, caller: Phone, callee: Phone) -> None:
        """Do everything in order; when a step fails, the steps that need it are not tried."""
        report = self._report
        await asyncio.sleep(NOTICED_AFTER)
        try:
            await self._register(caller, callee)
            await self._set_up(caller, callee)
            await self._talk(caller, callee)
            await self._part(caller, callee)
        except Unfinished as missing:
            report.check("the call goes on to its end", False, str(missing))
            note_script(report, await self._read_trace())
        else:
            trace = await self._read_trace()
            note_script(report, trace)
            check_script(report, self._scratch, trace)
            check_records(report, self._scratch, trace)

    async def _register(self, caller: Phone, callee: Phone) -> None:
        """Register both phones, as soon as the switch knows them."""
        report = self._report
        for phone in (caller, callee):
            for tried in range(1, MOST_TRIES + 1):
                before = len(report.ladder)
                response = await phone.register(3600)
                if response.is_success or tried == MOST_TRIES:
                    break
                report.ladder.forget_from(before)
                await asyncio.sleep(RETRY_EVERY)
            if not response.is_success:
                raise CommandError(
                    f"what answers at {report.switch} refuses phones that this data folder knows "
                    f"({_summary(response)}); it seems to run with another data folder or database"
                )
            report.check(f"{phone} registers with digest", _is_bound(phone, response), _granted(response))

    async def _set_up(self, caller: Phone, callee: Phone) -> None:
        """Call; B rings, answers, and gets the ACK."""
        report = self._report
        offer = describe(HOME_A, PORT_A)
        calling = asyncio.create_task(caller.call(self._scratch.number, offer))
        invite = await _unless_refused(calling, callee.ringing(), "the dialplan did not ring phone B")
        report.compare("phone B sees who calls", str(invite.request.from_.uri), caller.aor)
        self._check_media("phone A's address reaches phone B", offer, invite.request, from_caller=True)
        await asyncio.sleep(self._rings_for)
        answer = describe(HOME_B, PORT_B)
        answering = asyncio.create_task(callee.answer(invite, answer))
        response = await calling
        if not response.is_success:
            answering.cancel()
            raise Unfinished(f"phone B answered, but phone A got {_summary(response)}")
        report.check("phone A hears it ring", 180 in caller.heard, f"heard {caller.heard}")
        self._check_media("phone B's address reaches phone A", answer, response, from_caller=False)
        await answering
        report.check("the ACK reaches phone B", True, "the two ends are bridged")

    async def _talk(self, caller: Phone, callee: Phone) -> None:
        """A holds and takes B back, then B adds video: re-INVITEs in both directions."""
        await asyncio.sleep(self._talks_for)
        await self._change(
            caller,
            callee,
            "hold",
            describe(HOME_A, PORT_A, version=2, direction="sendonly"),
            describe(HOME_B, PORT_B, version=2, direction="recvonly"),
        )
        await self._change(
            caller,
            callee,
            "resume",
            describe(HOME_A, PORT_A, version=3),
            describe(HOME_B, PORT_B, version=3),
        )
        await self._change(
            callee,
            caller,
            "video from phone B",
            describe(HOME_B, PORT_B, version=4, video=CAMERA_B),
            describe(HOME_A, PORT_A, version=4, video=HOME_A),
        )
        await asyncio.sleep(TALK)

    async def _change(self, sender: Phone, receiver: Phone, name: str, offer: bytes, answer: bytes) -> None:
        """Send a re-INVITE from one end; the other answers it."""
        is_from_caller = sender.side == "A"
        changing = asyncio.create_task(sender.change(offer))
        invite = await _unless_refused(
            changing, receiver.expect("INVITE"), f"{name}: the re-INVITE did not cross"
        )
        self._check_media(f"{name}: the offer crosses", offer, invite.request, from_caller=is_from_caller)
        answering = asyncio.create_task(receiver.answer(invite, answer))
        response = await changing
        if not response.is_success:
            answering.cancel()
            raise Unfinished(f"{name}: {receiver} agreed, but {sender} got {_summary(response)}")
        self._check_media(f"{name}: the answer crosses", answer, response, from_caller=not is_from_caller)
        await answering

    async def _part(self, caller: Phone, callee: Phone) -> None:
        """B hangs up, and A hears it."""
        response = await callee.hang_up()
        await caller.expect("BYE")
        self._report.compare(
            "BYE from phone B ends phone A", response.status, 200, "BYE sent on, 200 to both"
        )

    def _check_media(self, name: str, sent: bytes, got: Message, *, from_caller: bool) -> None:
        place = self._place
        sources = (place.host_a, place.host_b) if from_caller else (place.host_b, place.host_a)

        def expected(address: str) -> str:
            return as_seen(address, *sources, place.public_address)

        check_media(self._report, name, sent, got.body, expected)

    async def _read_trace(self) -> Trace:
        """Read what the database has, once the call is forgotten there and its records are committed."""
        from sipwright.store.history.traces import read_trace

        caller_id = self._scratch.account_ids[0]
        for _ in range(MOST_LOOKS):
            trace = await read_trace(self._store.database, caller_id)
            if not trace.calls and all(run["ended_at"] for run in trace.runs):
                break
            await asyncio.sleep(LOOK_EVERY)
        return trace

    async def _clean_up(self, caller: Phone, callee: Phone) -> None:
        """End what is still on, take the phones away, and then everything else."""
        report, scratch = self._report, self._scratch
        try:
            if len(report.ladder):
                async with asyncio.TaskGroup() as group:
                    for phone in (caller, callee):
                        group.create_task(_take_leave(phone))
                left = [
                    row["account"]
                    for name in scratch.account_names
                    for row in await self._store.list_bindings(None, name)
                ]
                report.compare("both phones unregister", left, [], "no binding is left")
                trace = await self._read_trace()
                if scratch.is_kept and trace.cdrs:
                    report.call = trace.cdrs[0]["call_id"]
        except* Unfinished as missing:
            report.check("both phones unregister", False, str(missing.exceptions[0]))
        finally:
            await scratch.remove()


async def _finds_switch(phone: Phone) -> bool:
    for _ in range(MOST_PINGS):
        if await phone.ping(PING_WITHIN):
            return True
    return False


async def _take_leave(phone: Phone) -> None:
    await phone.give_up()
    await phone.register(0)


async def _unless_refused(
    asking: asyncio.Task[Response], arriving: Coroutine[None, None, Incoming], what: str
) -> Incoming:
    """Wait for what a request of one phone causes at the other one, or for its refusal."""
    arrival = asyncio.create_task(arriving)
    await asyncio.wait((asking, arrival), return_when=asyncio.FIRST_COMPLETED)
    if asking.done() and not arrival.done():
        arrival.cancel()
        raise Unfinished(f"{what}; the phone that asked got {_summary(await asking)}")
    try:
        return await arrival
    except Unfinished as missing:
        asking.cancel()
        raise Unfinished(f"{what}: {missing}") from None


def _is_bound(phone: Phone, response: Response) -> bool:
    """Return whether the registrar lists the Contact as the phone gave it."""
    uri = phone.contact.strip("<>")
    return any(str(contact.uri) == uri for contact in response.contacts)


def _granted(response: Response) -> str:
    return ", ".join(f"{contact.uri} for {contact.params.get('expires')} s" for contact in response.contacts)


def _summary(response: Response) -> str:
    reason = response.headers.get("Reason")
    return f"{response.status} {response.reason}" + (f" ({reason})" if reason else "")


def _address(target: Target) -> str:
    protocol, host, port, *_ = target
    return f"{protocol}:[{host}]:{port}" if ":" in host else f"{protocol}:{host}:{port}"
