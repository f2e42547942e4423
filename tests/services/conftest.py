"""What the tests of all services share."""

import pytest

from sipwright.services.state_table import StateTable


@pytest.fixture(autouse=True)
def every_machine_keeps_its_rules(monkeypatch):
    """Fail whoever lets something happen to a call, a transfer or a run that its table of states does not know."""

    def no_rule(table, state, event, whose):
        raise AssertionError(f"no rule for {event} where the state is {state}")

    monkeypatch.setattr(StateTable, "_no_rule", no_rule)
