"""What the database must say when all calls are over."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .end import Caller, End

if TYPE_CHECKING:
    from .load import Load
    from .plans import Plan

__all__ = ["audit"]

SLACK = 0.15


async def audit(load: Load) -> None:
    """Compare what the database says with what the phones lived through."""
    await _check_left(load)
    cdrs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in load.switch.rows("select * from cdrs"):
        cdrs[row["sip_call_id"]].append(row)
    journals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in load.switch.rows("select * from journal order by execution_id, sequence"):
        journals[row["execution_id"]].append(row)
    for plan in load.plans.values():
        if plan.kind != "void" and plan.caller is not None:
            _check_cdrs(load, plan, cdrs)
            _check_journal(load, plan, plan.caller, cdrs, journals)
    for line in load.lines:
        for account in line.accounts:
            response = await line.register(account, contact=False)
            wanted = line.contact(account).partition(">")[0][1:]
            if response.status != 200 or not any(
                wanted in value for value in response.headers.get_all("Contact")
            ):
                load.ledger.fault(
                    "registration", account, f"{response.status}: {response.headers.get_all('Contact')}"
                )
    for complaint in load.switch.tracebacks():
        load.ledger.fault("log", "switch.log", complaint)


async def _check_left(load: Load) -> None:
    """Wait until the switch has no calls any more."""
    deadline = time.monotonic() + 70.0
    while True:
        calls = load.switch.rows("select id, state, document from calls")
        runs = load.switch.rows("select id, call_id from executions where state in ('running', 'waiting')")
        if not (calls or runs) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    # A caller whose connection broke before it heard anything does not know that its call rings.
    swallowed = {plan.caller.call_id for plan in load.plans.values() if plan.kind == "void" and plan.caller}
    for row in calls:
        document = json.loads(row["document"])
        legs = [(leg[0], leg[1]) for leg in (document[5], *document[6])]
        if legs[0][1] in swallowed:
            continue
        load.ledger.fault("left", row["id"], f"call {row['state']}: {legs}, see {_keep(load, row)}")
    for row in runs:
        load.ledger.fault("left", row["id"], f"run of call {row['call_id']}")


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
        _check_cdr(load, plan, end, rows[0])


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
    said = [each.bye_sent_at or each.bye_heard_at for each in (caller, callee)]
    heard = [each.bye_done_at or each.bye_heard_at for each in (caller, callee)]
    ended = row["ended_at"] - epoch
    if plan.hung_up_by == "switch":  # a restart may come between the end of a call and the BYE
        said = [min(said) - (8.0 if load.ledger.was_away(min(said) - 5.0, min(said)) else 0.8)]
    if all(said) and not min(said) - SLACK <= ended <= max(heard) + SLACK:
        end.fault("cdr", f"ended {ended - min(said):+.2f} s from the BYE")
    if all(said) and row["hung_up_by"] != plan.hung_up_by:
        end.fault("cdr", f"hung up by {row['hung_up_by']} instead of {plan.hung_up_by}")


def _check_journal(
    load: Load,
    plan: Plan,
    caller: Caller,
    cdrs: dict[str, list[dict[str, Any]]],
    journals: dict[str, list[dict[str, Any]]],
) -> None:
    if not plan.journal or plan.kind == "through":
        return
    rows = cdrs.get(caller.call_id, [])
    if len(rows) != 1:
        return
    entries = journals.get(rows[0]["execution_id"] or "", [])
    done = [entry["function"] for entry in entries]
    if done != plan.journal:
        caller.fault("script", f"{done} instead of {plan.journal}")
    waits = [entry for entry in entries if entry["function"] in ("dial", "sleep")]
    if any(entry["result"] is None for entry in waits):
        caller.fault("script", "an effect without a result")
