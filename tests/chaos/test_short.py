"""A short form of `make chaos`: a small load, two kills with a clean stop in between, in less than a minute."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM

from .load import Load, Options
from .short import counted


async def test_no_call_is_lost_when_the_switch_ends():
    options = Options(
        rate=10.0,
        kills=3,
        interval=3.0,
        seed=3,
        signals=(SIGKILL, SIGTERM, SIGKILL),
        longest=3.0,
        is_quiet=True,
        spares_timer_h=True,
    )
    ledger = await counted(lambda: Load(options))

    assert ledger.status == 0, ledger.report()
    assert ledger.counts["calls"] > 60
