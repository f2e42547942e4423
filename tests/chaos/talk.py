"""One call from its INVITE to its end, and whether every stage of it was as it should be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .callee import Callee
from .caller import Caller
from .end import End
from .fork import Fork
from .mobile import Mobile

if TYPE_CHECKING:
    from .load import Load
    from .plans import Plan

__all__ = ["check_start", "converse", "live", "until"]

LATEST_ANSWER = 90.0

ACKNOWLEDGED_WITHIN = 32.0
"""For how long an answer is repeated (RFC 3261 §13.3.1.4): on a busy machine a restart takes its time."""

GRACE = 4.4
"""For how long a phone rings at least after a restart, since it may have answered while nobody listened."""


async def live(load: Load, plan: Plan) -> None:
    """Make the call, and check how it went."""
    ledger = load.ledger
    line = load.line_of(plan)
    from .back import be_called_back  # it needs the rest of this file

    caller = plan.caller = Caller(line, plan)
    ledger.counts["calls"] += 1
    ledger.counts[f"calls: {plan.kind}"] += 1
    try:
        async with asyncio.timeout(LATEST_ANSWER):
            response = await caller.call()
    except TimeoutError:
        caller.fault("answer", "no final response")
        return
    except OSError:
        response = None
    if response is None or (response.local and line.is_tcp and not caller.known_at):
        ledger.counts["calls that a broken connection swallowed"] += 1
        plan.kind = "void"
        if plan.calls_back is not None:  # perhaps the script ran all the same, and two phones want to hang up
            await be_called_back(load, plan)
        return
    if response.is_success and plan.answered_by is not None and plan.answerer is not None:
        await converse(plan, caller, plan.answerer)
    elif response.is_success or plan.answered_by is not None or response.status != plan.ends_with:
        wanted = f"an answer of {plan.answered_by}" if plan.answered_by else str(plan.ends_with)
        local = " (local)" if response.local else ""
        caller.fault("ending", f"{response.status} {response.reason}{local} instead of {wanted}")
        if response.is_success:
            await caller.hang_up()
    if plan.calls_back is None:
        await _check_callees(plan, caller)
        check_start(plan, caller)
    else:
        await be_called_back(load, plan)
    for end in (caller, *(end for ends in plan.callees.values() for end in ends)):
        # What still comes is answered for as long as a phone would remember.
        asyncio.get_running_loop().call_later(40.0, end.release)


async def converse(plan: Plan, caller: Caller | Callee, callee: Callee) -> None:
    """Talk, with all that the plan has for it, and hang up."""
    started = time.monotonic()
    is_acknowledged = await until(lambda: callee.acknowledged_at > 0, ACKNOWLEDGED_WITHIN)
    if not (is_acknowledged or _was_cut(callee)):
        callee.fault("ack", "no ACK to the answer")
    ends: dict[str, End] = {"caller": caller, "callee": callee}
    for moment, side, what in plan.actions:
        await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
        await _act(ends[side], what)
    if callee.fork is not None and not await until(lambda: callee.fork.is_over, 40.0):
        _judge(callee.fork)
    if plan.hung_up_by == "switch" and isinstance(caller, Caller):
        await _be_hung_up(plan, caller, callee)
        return
    await asyncio.sleep(max(0.0, started + plan.talk - time.monotonic()))
    first = ends[plan.hung_up_by]
    other = callee if first is caller else caller
    if other.bye_heard_at or first.bye_heard_at:
        first.fault("established", "was hung up by the switch")
        return
    await first.hang_up()
    if not await until(lambda: other.bye_heard_at > 0, 20.0):
        other.fault("established", "never heard the BYE")


def _was_cut(end: End) -> bool:
    """Return whether an ACK and a BYE may both have been lost between two nodes, each time.

    Either may come first when the network is there again. A phone that is hung up repeats no answer more (RFC 3261
    §15.1.2), so that nothing asks for its ACK.
    """
    heard = end.bye_heard_at
    return bool(heard) and end.ledger.was_away(heard - 1.0, heard, harm="cut")


def _judge(fork: Fork) -> None:
    """Note that a phone that answered too late was not acknowledged and hung up."""
    if not _was_cut(fork):
        fork.fault("fork", f"ACK {fork.acknowledged_at > 0}, BYE {fork.bye_heard_at > 0}")


async def _act(end: End, what: str) -> None:
    if end.bye_heard_at:
        end.fault("established", f"was hung up before {what}")
    elif what == "move":
        end.ledger.counts["ends that went on at another address"] += 1
        await end.move(end.line.load.beside(end.line))
    elif what == "rebind":
        assert isinstance(end.line, Mobile)
        await end.line.rebind()
    elif what == "close":
        await end.disconnect()
    elif what in ("hold", "resume"):
        end.ledger.counts[what] += 1
        await end.change("sendonly" if what == "hold" else "sendrecv")
    else:
        end.ledger.counts[what] += 1
        response = await end.ask(what)
        if response.status != 200:
            end.fault("request", f"{what}: {response.status} {response.reason}{' (local)' * response.local}")


async def _be_hung_up(plan: Plan, caller: Caller, callee: Callee) -> None:
    due = callee.answered_at + plan.talk
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    if not await until(lambda: bool(caller.bye_heard_at and callee.bye_heard_at), 15.0):
        caller.fault("ring", "the time limit did not end the call")
        return
    heard = min(caller.bye_heard_at, callee.bye_heard_at)
    # The limit runs from the moment that the switch knows of the answer.
    earliest, latest = (
        due - 0.3,
        caller.ledger.latest(max(caller.answered_at, callee.acknowledged_at) + plan.talk, 2.5),
    )
    if not earliest <= heard <= latest:
        caller.fault(
            "ring", f"hung up {heard - due:+.1f} s from its time limit, {caller.ledger.around(heard)}"
        )


async def _check_callees(plan: Plan, caller: Caller) -> None:
    """Check what became of every phone that rang."""
    ledger = caller.ledger
    for account, ends in list(plan.callees.items()):
        for end in ends:
            if end is plan.answerer:
                continue
            if not await until(lambda end=end: end.final is not None, 12.0):  # type: ignore[misc]
                end.fault("cancel", "still rings")
                continue
            if end.answered_at and not end.bye_heard_at:
                await until(lambda end=end: end.bye_heard_at > 0, 12.0)  # type: ignore[misc]
            wanted = plan.rings_for.get(account)
            if wanted is not None and end.cancelled_at:
                rang = end.cancelled_at - end.invited_at
                latest = ledger.latest(end.invited_at + wanted, 1.5, GRACE) - end.invited_at
                # The INVITE may have come late, and the ring time runs from when it should have come.
                earliest = wanted - 0.5 - ledger.heard_late_by(end.invited_at)
                if not earliest <= rang <= latest:
                    end.fault(
                        "ring",
                        f"rang for {rang:.1f} s instead of {wanted:g}, {ledger.around(end.cancelled_at)}",
                    )


def check_start(plan: Plan, caller: Caller) -> None:
    """Check when each phone began to ring."""
    ledger = caller.ledger
    known_at = ledger.latest(caller.known_at, 0.3)  # a script begins again that had done nothing yet
    for account, after in plan.starts_after.items():
        for end in plan.callees.get(account, []):
            started = end.invited_at - caller.invited_at
            if started < after - 0.1 or end.invited_at > ledger.latest(known_at + after, 1.2):
                known = caller.known_at - caller.invited_at
                end.fault(
                    "ring",
                    f"rang {started:.1f} s after the call began instead of {after:g}, which was heard of after "
                    f"{known:.1f} s; {ledger.around(end.invited_at)}",
                )


async def until(claim: Callable[[], bool], patience: float, every: float = 0.5) -> bool:
    """Wait for something, so many seconds at most; it is looked for every so many of them, and sooner at first."""
    pause, deadline = 0.02, time.monotonic() + patience
    while not claim():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, every)
    return True
