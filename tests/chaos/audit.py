"""What the database must say when all calls are over."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sipwright.services.switch.recovery.document import read_document

from .callee import Callee
from .caller import Caller
from .end import End
from .journals import check_runs

if TYPE_CHECKING:
    from .line import Line
    from .load import Load
    from .plans import Plan

__all__ = ["audit"]

SLACK = 0.15


async def audit(load: Load) -> None:
    """Compare what the database says with what the phones lived through."""
    await _check_left(load)
    # Before all is compared, as the providers here answer no OPTIONS meanwhile, and the switch complains of that.
    for complaint in load.switch.tracebacks():
        load.ledger.fault("log", "switch.log", complaint)
    cdrs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in load.switch.rows("select * from cdrs"):
        cdrs[row["sip_call_id"]].append(row)
    for plan in load.plans.values():
        if plan.kind not in ("void", "attended") and plan.caller is not None:
            _check_cdrs(load, plan, cdrs)
    check_runs(load, cdrs)
    await asyncio.gather(*(_check_registrations(load, line) for line in load.lines))


async def _check_registrations(load: Load, line: Line) -> None:
    for account in line.accounts:
        response = await line.register(account, contact=False)
        wanted = line.contact(account).partition(">")[0][1:]
        contacts = response.headers.get_all("Contact")
        if response.status != 200 or not any(wanted in value for value in contacts):
            load.ledger.fault("registration", account, f"{response.status}: {contacts}")


async def _check_left(load: Load) -> None:
    """Wait until the switch has no calls any more."""
    deadline = time.monotonic() + 70.0
    # A caller whose connection broke before it heard anything does not know that its call rings.
    swallowed = {plan.caller.call_id for plan in load.plans.values() if plan.kind == "void" and plan.caller}
    while True:
        calls, unknown = [], set()
        for row in load.switch.rows("select id, state, document from calls"):
            call = read_document(row["document"])
            legs = [(leg.state, leg.call_id) for leg in (call.caller, *call.legs)]
            if legs[0][1] in swallowed or (load.options.spares_timer_h and _is_refused(legs)):
                unknown.add(row["id"])
            else:
                calls.append((row, legs))
        runs = load.switch.rows("select id, call_id from executions where state in ('running', 'waiting')")
        runs = [row for row in runs if row["call_id"] not in unknown]
        if not (calls or runs) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    for row, legs in calls:
        load.ledger.fault("left", row["id"], f"call {row['state']}: {legs}, see {_keep(load, row)}")
    for row in runs:
        load.ledger.fault("left", row["id"], f"run of call {row['call_id']}")


def _is_refused(legs: list[tuple[str, str]]) -> bool:
    """Return whether a call only waits for the ACK to a refusal, which a broken connection has swallowed."""
    return legs[0][0] == "refused" and all(state == "ended" for state, _ in legs[1:])


def _keep(load: Load, row: dict[str, Any]) -> Path:
    """Save the document of a call that should be over."""
    path = Path(tempfile.gettempdir()) / f"chaos-{load.options.seed}-{row['id']}.json"
    path.write_bytes(row["document"])
    return path


def _check_cdrs(load: Load, plan: Plan, cdrs: dict[str, list[dict[str, Any]]]) -> None:
    ends: list[End] = [plan.caller] if plan.caller else []
    for callees in plan.callees.values():
        ends += callees
    for end in ends:
        rows = cdrs.get(end.call_id, [])
        if len(rows) != 1:
            end.fault("cdr", f"{len(rows)} CDRs")
            continue
        if plan.calls_back is not None and not isinstance(end, Caller):
            _check_called_back(load, plan, end, rows[0])
        else:
            _check_cdr(load, plan, end, rows[0])


def _check_called_back(load: Load, plan: Plan, end: Callee, row: dict[str, Any]) -> None:
    """Check the record of one end of a call that the switch made by itself; its leg 0 is nobody."""
    first, second = (plan.callee(name) for name in plan.calls_back or ())
    if first is None or second is None or row["ended_at"] is None:
        end.fault("cdr", f"no end: {row['ended_at']}")
        return
    legs = load.switch.rows("select * from cdrs where call_id = ? order by leg", row["call_id"])
    status = 200 if plan.joins else 486
    found = [(leg["leg"], leg["sip_call_id"]) for leg in legs[1:]]
    if found != [(1, first.call_id), (2, second.call_id)] or any(leg["status"] != status for leg in legs):
        end.fault("cdr", f"{[(leg['leg'], leg['sip_call_id'], leg['status']) for leg in legs]}")
        return
    if not plan.joins:
        return
    answered = row["answered_at"] - load.ledger.epoch
    if not end.answered_at - SLACK <= answered <= end.acknowledged_at + SLACK:
        end.fault("cdr", f"answered {answered - end.answered_at:+.2f} s from the answer")
    _check_end(load, plan, end, row, (first, second), "callee")


def _check_cdr(load: Load, plan: Plan, end: End, row: dict[str, Any]) -> None:
    if row["ended_at"] is None:
        end.fault("cdr", "no end")
        return
    is_caller = isinstance(end, Caller)
    if plan.answered_by is None or (not is_caller and end is not plan.answerer):
        if row["answered_at"] is not None and not end.answered_at:
            end.fault("cdr", "answered, though nobody did")
        if is_caller and row["status"] != plan.ends_with:
            end.fault("cdr", f"status {row['status']} instead of {plan.ends_with}")
        return
    caller, callee = plan.caller, plan.answerer
    if caller is None or callee is None or not (caller.answered_at and callee.answered_at):
        return
    epoch = load.ledger.epoch
    if row["status"] != 200 or row["answered_at"] is None:
        end.fault("cdr", f"status {row['status']}, answered at {row['answered_at']}")
        return
    answered = row["answered_at"] - epoch
    if not callee.answered_at - SLACK <= answered <= caller.answered_at + SLACK:
        end.fault("cdr", f"answered {answered - callee.answered_at:+.2f} s from the answer")
    _check_end(load, plan, end, row, (caller, callee), plan.hung_up_by)


def _check_end(load: Load, plan: Plan, end: End, row: dict[str, Any], ends: tuple[End, End], by: str) -> None:
    """Check when a call that was answered ended, and who ended it."""
    epoch = load.ledger.epoch
    said = [each.bye_sent_at or each.bye_heard_at for each in ends]
    heard = [each.bye_done_at or each.bye_heard_at for each in ends]
    ended = row["ended_at"] - epoch
    if plan.hung_up_by == "switch":  # a restart may come between the end of a call and the BYE
        first = min(said)
        said = [first - (8.0 if load.ledger.was_away(first - 5.0, first) else 0.8) - load.ledger.lag(first)]
    if all(said) and not min(said) - SLACK <= ended <= max(heard) + SLACK:
        end.fault("cdr", f"ended {ended - min(said):+.2f} s from the BYE")
    if all(said) and row["hung_up_by"] != by:
        end.fault("cdr", f"hung up by {row['hung_up_by']} instead of {by}")
