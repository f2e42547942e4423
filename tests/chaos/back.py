"""A call that the switch makes by itself, between two phones, as both of them live it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .talk import check_start, converse, until

if TYPE_CHECKING:
    from .load import Load
    from .plans import Plan

__all__ = ["be_called_back"]

LATEST = 60.0


async def be_called_back(load: Load, plan: Plan) -> None:
    """Follow the call that a script ordered: the first phone answers, then the second, and the two talk."""
    caller, names = plan.caller, plan.calls_back
    assert caller is not None
    assert names is not None
    for name in names:
        if not await until(lambda name=name: plan.callee(name) is not None, LATEST):  # type: ignore[misc]
            caller.fault("ending", f"{name} was never called back")
            return
        end = plan.callee(name)
        assert end is not None
        if not await until(lambda end=end: end.final is not None, LATEST):  # type: ignore[misc]
            end.fault("ending", "was called back, and given up")
            return
    first, second = (plan.callee(name) for name in names)
    assert first is not None
    assert second is not None
    check_start(plan, caller)
    if plan.joins:
        await converse(plan, first, second)
    elif not await until(lambda: first.bye_heard_at > 0, LATEST):
        first.fault("established", "was not told that the other one refused")
    load.ledger.counts["called back"] += 1
