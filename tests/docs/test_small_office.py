"""The dialplans of the small office, one call after the other, without phones."""

from pathlib import Path

import pytest

OFFICE = Path(__file__).parents[2] / "examples" / "small-office"


@pytest.fixture
def dial(call, provider):
    """Dial something as 101; the lines answer."""
    for line in ("line1", "line2"):
        provider(line).answers()
    return lambda to, who="101": call(who, to=to, plan=OFFICE / "office-out.py")


@pytest.fixture
def ring(call, provider):
    """Call 102; a line answers."""
    provider("line1").answers()
    return lambda **more: call("101", to="102", plan=OFFICE / "office-in.py", direction="in", **more)


def test_a_code_forwards_says_so_and_takes_it_back(dial, script_store):
    heard = [(one.status, one.reason) for one in map(dial, ("*72", "*72102", "*72", "*73", "*72"))]

    assert heard == [
        (480, "Not Forwarded"),
        (480, "Forwarded To 102"),
        (480, "Forwarded To 102"),
        (480, "Not Forwarded"),
        (480, "Not Forwarded"),
    ]
    assert script_store == {}


@pytest.mark.parametrize(
    ("to", "way"), [("103", "103@local"), ("0871234567", "0871234567@line1 | 0871234567@line2")]
)
def test_a_call_that_nobody_takes_is_forwarded(ring, phone, script_store, to, way):
    script_store["forward.102"] = to
    phone("102").busy()

    assert ring().dialled == ["102@local", way]
    del script_store["forward.102"]
    assert (ring().status, ring().dialled) == (486, ["102@local"])


@pytest.mark.parametrize(("code", "reason"), [("*60087", "Blocked 087"), ("*80087", "Not Blocked 087")])
def test_callers_are_blocked_by_code(dial, script_store, code, reason):
    assert (dial(code).reason, "blocked.087" in script_store) == (reason, code.startswith("*60"))


@pytest.mark.parametrize(
    ("to", "status"), [("*60", 404), ("*80", 480), ("*8102", 480), ("*99", 404), ("1550123", 403)]
)
def test_what_is_no_code_does_nothing(dial, script_store, to, status):
    result = dial(to)

    assert (result.status, result.dialled, script_store) == (status, [], {})


@pytest.mark.parametrize(("to", "way"), [
    ("112", "112@line1 | 112@line2"), ("102", "102@local"), ("600", "101@local & 102@local & 103@local"),
    ("0871234567", "0871234567@line1 | 0871234567@line2"),
])  # fmt: skip
def test_what_an_extension_dials(dial, to, way):
    assert dial(to).dialled == [way]


@pytest.mark.parametrize(("at", "first"), [
    ("mon 10:00", "101@local & 102@local[delay=5] & 103@local[delay=10]"),
    ("sat 12:00", "0871234567@line1 | 0871234567@line2"),
    ("2026-12-25 10:00", "0871234567@line1 | 0871234567@line2"),
])  # fmt: skip
def test_the_main_number_has_hours(call, provider, phone, at, first):
    provider("line1").answers()
    phone("101").answers()
    plan = OFFICE / "office-lines.py"
    result = call("0871", to="35315550100", plan=plan, direction="in", at=at, provider="line1")

    assert result.dialled == [first]


@pytest.mark.parametrize("caller", ["0871234567", "+353871234567", "353871234567", "00353871234567"])
def test_a_blocked_caller_rings_nobody_however_the_line_writes_the_number(dial, call, caller):
    dial("*600871234567")
    plan = OFFICE / "office-lines.py"
    result = call(caller, to="35315550102", plan=plan, direction="in", provider="line1")

    assert (result.status, result.dialled) == (603, [])


def test_a_caller_with_a_name_as_long_as_that_is_no_mistake_of_the_script(call, phone):
    phone("102").answers()
    result = call(
        "x" * 100, to="35315550102", plan=OFFICE / "office-lines.py", direction="in", provider="line1"
    )

    assert (result.failure, result.status) == (None, 200)


def test_a_call_waits_at_a_slot_or_is_picked_up_there(dial, effect):
    effect("pick_up", "701").returns(False)
    effect("park", "701").returns(False)
    result = dial("701")

    assert [(one.function, one.arguments) for one in result.effects][:2] == [
        ("pick_up", {"name": "701"}),
        ("park", {"name": "701", "seconds": 60}),
    ]
    assert (result.status, result.reason) == (486, "Another Call Waits There")


def test_a_queue_asks_again_until_somebody_is_free(dial, phone):
    for name in ("101", "102"):
        phone(name).busy()
    result = dial("630")

    assert (result.status, result.reason) == (480, "Nobody Is Free")
    assert result.dialled == ["101@local & 102@local"] * 5
    assert 20 <= result.duration <= 40
    phone("102").answers()
    assert dial("630").dialled == ["101@local & 102@local"]


def test_who_waits_in_vain_for_the_queue_of_a_line_is_sent_on(call, provider, phone):
    provider("line1").answers()
    for name in ("101", "102"):
        phone(name).busy()
    plan = OFFICE / "office-lines.py"
    result = call("0871", to="35315550630", plan=plan, direction="in", at="mon 10:00", provider="line1")

    assert result.dialled == ["101@local & 102@local"] * 5 + ["0871234567@line1 | 0871234567@line2"]


def test_the_intercom_has_a_phone_answer_by_itself(dial, phone):
    phone("102").answers()
    result = dial("*9102")

    (dialled,) = [one for one in result.effects if one.function == "dial"]
    assert result.dialled == ["102@local"]
    assert dict(dialled.arguments["headers"])["Call-Info"] == "<sip:intercom>;answer-after=0"
