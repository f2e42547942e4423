"""What the database must say of every run of a dialplan, and whether that matches what reached the world outside."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sipwright.services.journal_text import read_entries

if TYPE_CHECKING:
    from .load import Load
    from .plans import Plan

__all__ = ["check_runs"]

AT_ONCE = frozenset({"start", "log", "respond"})
Row = dict[str, Any]


@dataclass(slots=True)
class Run:
    """One run with its journal, the call that it decided, and the name of its dialplan."""

    row: Row
    entries: list[Row]
    plan: Plan
    cdr: Row

    def results(self, function: str) -> list[Any]:
        return [
            json.loads(entry["result"] or "null") for entry in self.entries if entry["function"] == function
        ]


def check_runs(load: Load, cdrs: dict[str, list[Row]]) -> None:
    """Check the journal of every run in the database; `cdrs` are by Call-ID."""
    journals: dict[str, list[Row]] = defaultdict(list)
    for entry in _entries(load):
        journals[entry["execution_id"]].append(entry)
    owners = _owners(load, cdrs)
    first_legs = {row["execution_id"]: row for rows in cdrs.values() for row in rows if row["leg"] == 0}
    going_on = {row["id"] for row in load.switch.rows("select id from calls")}
    begun: Counter[tuple[int, str]] = Counter()
    for row in load.switch.rows("select * from executions"):
        entries = journals.pop(row["id"], [])
        load.ledger.counts["runs of dialplans"] += 1
        cdr = first_legs.get(row["id"])
        if cdr is None and row["call_id"] in going_on:
            continue  # of which the rest of the audit complains, if that call should be over
        if cdr is not None and cdr["dialplan"] == "pulse":
            continue
        plan = None if cdr is None else owners.get(cdr["sip_call_id"])
        if cdr is None or plan is None:
            load.ledger.fault(
                "script", row["id"], f"a run of no known call: {row['state']}, {row['outcome']}"
            )
            continue
        run = Run(row, entries, plan, cdr)
        begun[plan.id, cdr["dialplan"]] += 1
        _check_form(load, run)
        if plan.kind not in ("void", "attended"):
            _check_effects(load, run)
    for left in journals:
        load.ledger.fault("script", left, "a journal without its run")
    for plan in load.plans.values():
        if plan.kind == "void" or plan.caller is None:
            continue
        for name in plan.journals:
            if begun[plan.id, name] != 1:
                load.ledger.fault("script", plan, f"{begun[plan.id, name]} runs of {name}")
    _check_store(load)


def _entries(load: Load) -> list[Row]:
    """Return every entry in order, whether it is in a row of its own or in that of its run."""
    entries = load.switch.rows("select * from journal")
    for row in load.switch.rows("select id, journal from executions"):
        entries += (entry._asdict() for entry in read_entries(row["id"], row["journal"]))
    return sorted(entries, key=lambda entry: (entry["execution_id"], entry["sequence"]))


def _owners(load: Load, cdrs: dict[str, list[Row]]) -> dict[str, Plan]:
    """Return whose call each Call-ID is of; a call between two dialplans has one that no phone knows."""
    owners = {plan.caller.call_id: plan for plan in load.plans.values() if plan.caller is not None}
    of_call = {
        row["call_id"]: owners[call_id]
        for call_id, rows in cdrs.items() if call_id in owners
        for row in rows if row["leg"] == 0
    }  # fmt: skip
    inner = {
        call_id: of_call[row["call_id"]]
        for call_id, rows in cdrs.items()
        for row in rows if row["leg"] > 0 and row["call_id"] in of_call
    }  # fmt: skip
    return inner | owners


def _check_form(load: Load, run: Run) -> None:
    """Check what holds for every run: it is over, its entries are in order, and each has its result."""

    def fault(what: str) -> None:
        load.ledger.fault("script", run.plan, f"{run.cdr['dialplan']} {run.row['id']}: {what}")

    if run.row["state"] != "done" or run.row["ended_at"] is None:
        fault(f"{run.row['state']}, {run.row['outcome']}")
    if [entry["sequence"] for entry in run.entries] != list(range(len(run.entries))):
        fault(f"its journal has {[entry['sequence'] for entry in run.entries]}")
    times = [entry["at"] for entry in run.entries]
    if times != sorted(times):
        fault("its journal goes back in time")
    for entry in run.entries:
        if entry["function"] not in AT_ONCE and entry["result"] is None:
            fault(f"{entry['function']} has no result")


def _check_effects(load: Load, run: Run) -> None:
    plan, name = run.plan, run.cdr["dialplan"]

    def fault(what: str, kind: str = "script") -> None:
        load.ledger.fault(kind, plan, f"{name} {run.row['id']}: {what}")

    done = [entry["function"] for entry in run.entries]
    if done != plan.journals.get(name):
        fault(f"{done} instead of {plan.journals.get(name)}: {run.row['outcome']}")
        return
    dials = run.results("dial")
    if any(result["answered"] for result in dials[:-1]) or (
        dials and dials[-1]["answered"] != (plan.answered_by is not None)
    ):
        fault(f"its dials returned {dials}")
    for page in run.results("http_get"):
        if page.get("value", {}).get("text") != f"page {plan.id}":
            fault(f"http_get returned {page}")
    said = " ".join(text for entry in run.entries if entry["function"] == "log"
                    for _, text in json.loads(entry["arguments"]))  # fmt: skip
    for function, made in (("http_post", load.outside.posts), ("email", load.outside.mails)):
        for result in run.results(function):
            _check_once(load, run, function, result, made[str(plan.id)], said)
    if name == "counting":
        (number,), (is_answered,) = run.results("store.add")[:1], [result["answered"] for result in dials]
        if said != f"{number['value']} {is_answered}":
            fault(f"it was told {number}, {is_answered} and says {said!r}")


def _check_once(load: Load, run: Run, function: str, result: Any, count: int, said: str) -> None:
    """Check that something was done once, or that the script knows that nobody knows."""

    def fault(what: str) -> None:
        load.ledger.fault("outside", run.plan, f"{run.row['id']}: {function} was done {count} times, {what}")

    began = next(entry["at"] for entry in run.entries if entry["function"] == function) - load.ledger.epoch
    if "value" in result:
        if count != 1:
            fault("and the script was told that it was done once")
        if not said.startswith("done"):
            fault(f"and the script says {said!r}")
    elif "interrupted" in result["error"][1]:
        load.ledger.counts[f"{function}: cut in the middle, and told so ({count} times done)"] += 1
        if count > 1 or not said.startswith("unknown"):
            fault(f"and the script says {said!r}")
        if not load.ledger.was_killed(began, began + 15.0):
            fault("and the script was told of a restart that was none, or a clean stop")
    else:
        fault(f"and the script was told {result['error']}")


def _check_store(load: Load) -> None:
    """Check that each run counted once: all numbers up to the last, and that one is kept."""
    for key in ("begun", "ended"):
        entries = [
            entry
            for entry in _entries(load)
            if entry["function"] == "store.add" and json.loads(entry["arguments"])["key"] == key
        ]
        results = [json.loads(entry["result"]) for entry in entries if entry["result"]]
        for result in [result for result in results if "value" not in result]:
            load.ledger.fault("outside", f"store {key}", f"store.add was answered with {result}")
        numbers = sorted(result["value"] for result in results if "value" in result)
        kept = load.switch.rows("select value from script_values where key = ?", key)
        last = json.loads(kept[0]["value"]) if kept else 0
        if numbers != list(range(1, last + 1)) or len(entries) != last:
            load.ledger.fault(
                "outside", f"store {key}", f"{len(entries)} updates, {last} is kept: {numbers[:9]}..."
            )
