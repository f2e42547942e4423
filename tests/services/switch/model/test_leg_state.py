"""The table of a leg's states."""

import ast
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sipwright.services import switch
from sipwright.services.switch.call.ended import EndedCall
from sipwright.services.switch.call.leg import Leg
from sipwright.services.switch.model.leg_state import LEADS_TO, OPEN, RULES, LegEvent, LegState

MAY_SET = {"call/leg.py", "recovery/recover.py"}
"""Where a state is written: by the machine, and by what reads a stored one."""


def test_every_state_is_reached_and_every_event_leads_to_one_state():
    assert set(RULES.values()) == set(LegState)
    assert set(LEADS_TO) == set(LegEvent)
    assert {(event, state) for (_, event), state in RULES.items()} == set(LEADS_TO.items())


@pytest.mark.parametrize("state", LegState)
def test_a_leg_may_end_in_any_state(state):
    assert RULES[state, LegEvent.END] is LegState.ENDED


def test_only_what_is_open_is_cancelled_refused_or_rings():
    before = {state for (state, event) in RULES if event in (LegEvent.CANCEL, LegEvent.REFUSE, LegEvent.RING)}

    assert before < set(OPEN)


def test_only_an_answered_leg_is_hung_up():
    before = {state for (state, event) in RULES if event is LegEvent.HANG_UP}

    assert before == {LegState.ANSWERED, LegState.HANGING_UP}


def assigned_states(path):
    """Return the lines that write a state of a leg, whatever that is called there."""
    tree = ast.parse(path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    known = {
        name.asname or name.name
        for node in imports
        for name in node.names
        if (node.module or "").endswith("leg_state") and name.name in {"LegState", *LegState.__members__}
    }
    for node in ast.walk(tree):
        named = (
            {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
            if isinstance(node, ast.Assign)
            else ()
        )
        if known.intersection(named):
            targets = [each for target in node.targets for each in ast.walk(target)]
            if any(isinstance(each, ast.Attribute) and each.attr == "state" for each in targets):
                yield node.lineno


def test_nothing_but_the_machine_writes_the_state_of_a_leg():
    root = Path(switch.__file__).parent
    written = {str(path.relative_to(root)) for path in root.rglob("*.py") if any(assigned_states(path))}

    assert written == MAY_SET


@pytest.fixture
def leg():
    return Leg(EndedCall(None, None), 1, "call-id", "tag", 0.0)


def test_a_leg_goes_where_the_table_says(leg):
    for event in (LegEvent.RING, LegEvent.ANSWER, LegEvent.HANG_UP, LegEvent.END):
        leg.transition(event)

    assert leg.state is LegState.ENDED


def test_a_mistake_is_logged_and_leaves_no_leg_where_it_was(leg, monkeypatch):
    monkeypatch.undo()
    with capture_logs() as logs:
        leg.transition(LegEvent.HANG_UP)

    assert leg.state is LegState.HANGING_UP
    assert [(line["state"], line["happened"]) for line in logs] == [("calling", "hang up")]
