"""What `sipwright trace` prints of a call, put together from what there is of it."""

import pytest

from sipwright.monitor.trace.report import report


@pytest.mark.parametrize(
    ("direction", "sip_call_id", "who"),
    [
        ("out", "sip0", "(the caller)"),
        ("out", "abc.0", "(the switch)"),
        ("callback", "abc.0", "(the switch)"),
        ("callback", None, "(the switch)"),
        ("transfer", "abc.0", "(the caller)"),
    ],
)
def test_the_first_leg_is_the_callers_or_the_switchs_own(made, direction, sip_call_id, who):
    caller = made.leg(0, by="switch") | {"direction": direction, "sip_call_id": sip_call_id}
    lines = report(made.trace(caller, made.leg(1, target="sip:bob@x")), [])

    assert [line.split("  ")[1] for line in lines if line.startswith(("0  ", "1  "))] == [who, "sip:bob@x"]
