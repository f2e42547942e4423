"""Where each event leads from each state: a machine that is a table, and has one place where its state is written.

What such a machine does at a change is up to its owner. Two others have forms of their own: a leg, whose table is
looked up on the way of messages (`switch/model/leg_state.py`), and a registration, whose actions stand in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import structlog

__all__ = ["StateTable"]

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)

log = structlog.get_logger(__name__)


class StateTable(Generic[State, Event]):
    """The rules of one kind of machine; `what` it is, for the log.

    Each event leads to one state, from wherever it may happen: so a pair that is not listed, a mistake of ours, is
    logged and leaves nothing stuck.
    """

    def __init__(self, what: str, rules: Mapping[tuple[State, Event], State]) -> None:
        self.rules = rules
        self.leads_to = {event: state for (_, event), state in rules.items()}
        self._what = what

    def after(self, state: State, event: Event, whose: str) -> State:
        """Return the state that an event leads to; `whose` machine it is, for the log."""
        found = self.rules.get((state, event))
        if found is None:
            self._no_rule(state, event, whose)
            found = self.leads_to[event]
        return found

    def _no_rule(self, state: State, event: Event, whose: str) -> None:
        log.error(f"no rule for {self._what}", whose=whose, state=state, happened=event)
