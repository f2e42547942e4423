"""What the guide on testing shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sipwright.testing.stage  # noqa: F401 (what is imported first inside the inner run is imported twice)
from sipwright.testing.behaviour import parse_outcome
from sipwright.testing.effects import parse_effect

GUIDE = (Path(__file__).parents[2] / "docs" / "testing-dialplans.md").read_text()

OUT = """\
if call.direction == "in":
    if 22 <= now().hour or now().hour < 7:
        respond(480, "Night")
    dial(f"{call.account}@local")
if req.user.startswith("0900") or req.user.startswith("00900"):
    respond(603, "Too Expensive")
dial(f"{req.user}@blueface", ring=10)
dial("bob@local", ring=20)
"""


def test_the_tests_of_the_guide_pass(pytester):
    (source,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(test_out=source, out=OUT)
    result = pytester.runpytest_inprocess(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:timeout"
    )

    result.assert_outcomes(passed=4)


def _cells(head: str) -> list[str]:
    """Return what stands in backquotes in the first column of a table."""
    table = GUIDE.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [cell for row in table.splitlines()[2:] for cell in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize("outcome", _cells("WHAT"))
def test_the_outcomes_of_the_guide_are_outcomes(outcome):
    for part in outcome.split(";"):
        parse_outcome(part)


@pytest.mark.parametrize("effect", re.findall(r"^--effect '(.*?)'", GUIDE, re.MULTILINE))
def test_the_effects_of_the_guide_are_effects(effect):
    assert parse_effect(effect).replies != []
