"""The machines that are tables: calls, transfers, runs of dialplans."""

import ast
from functools import cache
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sipwright import services
from sipwright.services.dialplan.execution.run_state import TABLE as RUN
from sipwright.services.dialplan.execution.run_state import RunEvent, RunState
from sipwright.services.state_table import StateTable
from sipwright.services.switch.model.call_state import TABLE as CALL
from sipwright.services.switch.model.call_state import CallEvent, CallState
from sipwright.services.switch.transfer.stage import TABLE as TRANSFER
from sipwright.services.switch.transfer.stage import Stage, StageEvent

MACHINES = [
    (CALL, CallState, CallEvent, CallState.SETTING_UP),
    (TRANSFER, Stage, StageEvent, Stage.DIALLING),
    (RUN, RunState, RunEvent, RunState.RUNNING),
]

WRITERS = {
    "CallState": {"switch/call/ending_call.py", "switch/recovery/recover.py"},
    "Stage": {"switch/transfer/transfer.py"},
    "RunState": {"dialplan/execution/execution.py"},
}
"""Where a state is written: by its machine, and by what reads a stored one."""


@pytest.mark.parametrize(("table", "states", "events", "first"), MACHINES)
def test_every_state_is_reached_and_every_event_leads_to_one_state(table, states, events, first):
    assert {first, *table.rules.values()} == set(states)
    assert set(table.leads_to) == set(events)
    assert {(event, state) for (_, event), state in table.rules.items()} == set(table.leads_to.items())


@pytest.mark.parametrize(("table", "states", "events", "first"), MACHINES)
def test_whatever_state_one_is_in_it_can_end(table, states, events, first):
    last = {CALL: CallState.ENDING, TRANSFER: Stage.FAILED, RUN: RunState.OVER}[table]

    assert {state for (state, _), after in table.rules.items() if after is last} | {last} == set(states)


def test_a_call_or_a_run_that_is_over_begins_no_more():
    assert {event for (state, event) in CALL.rules if state is CallState.ENDING} == set()
    assert {event for (state, event) in RUN.rules if state is RunState.OVER} == {RunEvent.END}


def test_a_transfer_that_is_decided_only_stops():
    decided = (Stage.DONE, Stage.FAILED)

    assert {event for (state, event) in TRANSFER.rules if state in decided} == {StageEvent.STOP}


def test_a_mistake_is_logged_and_leaves_nothing_where_it_was(monkeypatch):
    monkeypatch.undo()
    with capture_logs() as logs:
        after = StateTable("a call", CALL.rules).after(CallState.ENDING, CallEvent.JOIN, "the-call")

    assert after is CallState.TALKING
    assert [(line["event"], line["whose"], line["happened"]) for line in logs] == [
        ("no rule for a call", "the-call", "join")
    ]


@cache
def written_states(path):
    """Return whose states a file writes: `self.state = RunState.OVER`, or what a table says."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign):
            names = {
                each.attr
                for target in node.targets
                for each in ast.walk(target)
                if isinstance(each, ast.Attribute)
            }
            if names & {"state", "stage"}:
                found |= {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
    return found


@pytest.mark.parametrize("states", WRITERS)
def test_nothing_but_the_machine_writes_its_state(states):
    root = Path(services.__file__).parent
    written = {str(path.relative_to(root)) for path in root.rglob("*.py") if states in written_states(path)}
    tables = {str(path.relative_to(root)) for path in root.rglob("*.py") if "TABLE" in written_states(path)}

    assert written <= WRITERS[states]
    assert tables == {next(iter(places - {"switch/recovery/recover.py"})) for places in WRITERS.values()}
