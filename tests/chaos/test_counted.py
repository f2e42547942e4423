"""When the short form of a load is begun again."""

from __future__ import annotations

import time

import pytest

from .ledger import Ledger
from .short import counted


class Load:
    """One that has this to say in the end."""

    def __init__(self, *, lost: bool, behind: bool) -> None:
        self._ledger = Ledger()
        now = time.monotonic()
        if lost or behind:
            self._ledger.fault("hangup", "call 1", "never heard the BYE")
        if behind:
            self._ledger.refused(503, "Too Busy", now - 1.0)

    async def run(self) -> Ledger:
        return self._ledger


CLEAN, LOST, BEHIND = (Load(lost=n == 1, behind=n == 2) for n in range(3))


@pytest.mark.parametrize("loads", [[CLEAN], [LOST], [BEHIND, CLEAN], [BEHIND, BEHIND, LOST]])
async def test_a_load_is_begun_again_until_somebody_can_tell(loads: list[Load]):
    left = iter(loads)

    ledger = await counted(lambda: next(left))  # type: ignore[arg-type, return-value]

    assert ledger is loads[-1]._ledger
    assert next(left, None) is None


async def test_a_machine_that_is_always_behind_proves_nothing():
    runs = 0

    def make() -> Load:
        nonlocal runs
        runs += 1
        return BEHIND

    ledger = await counted(make)  # type: ignore[arg-type]

    assert ledger.status == 2
    assert runs == 3
