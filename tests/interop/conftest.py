"""What the tests with real peers share: a look into the log of the switch after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop.harness import RunningSwitch


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the peers that a test started, and fail it when the switch has logged a traceback or an error."""
    yield
    if "switch" in request.fixturenames:
        switch: RunningSwitch = request.getfixturevalue("switch")
        switch.end_peers()
        assert switch.new_faults() == []
