"""What a run is told, as values of its script: what it started from, and what became of a ``dial()``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..language.values import DialResult, Inputs, LegResult, clean
from .journal import Entry
from .ports import LegOutcome, Outcome

__all__ = ["dial_result", "inputs_of", "start_in"]


def start_in(entries: list[Entry]) -> Entry | None:
    """Return the entry with what the run last started from."""
    return next((entry for entry in reversed(entries) if entry.function == "start"), None)


def inputs_of(started: Entry) -> Inputs:
    """Return what that entry says."""
    return Inputs.from_json(json.loads(started.arguments))


def dial_result(outcome: Outcome, legs: Sequence[LegOutcome]) -> DialResult:
    """Return what ``dial()`` gives to a script when nobody answered."""
    results = [
        LegResult(
            clean(leg.target),
            leg.status,
            clean(leg.reason),
            round(leg.duration, 3),
            clean(leg.redirect),
            clean(leg.audio),
        )
        for leg in legs
    ]
    duration = max((leg.duration for leg in results), default=0.0)
    redirect = next((leg.redirect for leg in results if leg.redirect), "")
    return DialResult(False, outcome.status, clean(outcome.reason), results, duration, redirect)
