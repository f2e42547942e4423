"""The functions that a script may call, and that the stubs say the same about them."""

import ast
import inspect
import time
from importlib.resources import files

import pytest

from sipwright.services.dialplan import (
    Binding,
    Call,
    Dial,
    DialResult,
    HttpResponse,
    LegResult,
    LegSpec,
    Limits,
    LogLine,
    Request,
    Respond,
    Sleep,
)
from sipwright.services.dialplan.language import call_functions
from sipwright.services.dialplan.language.call_functions import BudgetExceeded, ScriptApi, one_line
from sipwright.services.dialplan.language.catalogue import FUNCTIONS, STORE_FUNCTIONS
from sipwright.services.dialstring import MAX_WRITTEN, DialLeg, ToUser, parse_dial_string
from sipwright.services.leg_options import LegOptions


def make_api(**limits) -> ScriptApi:
    return ScriptApi(Limits(**limits), {"dst": "300"}, time.time() + 300)


def test_the_stubs_declare_what_there_is():
    tree = ast.parse(files("sipwright.services.dialplan.language").joinpath("names.pyi").read_text())
    declared = {
        node.name: [
            argument.arg
            for argument in (*node.args.args, node.args.vararg, *node.args.kwonlyargs)
            if argument
        ]
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name != "exit"
    }

    actual = {name: list(inspect.signature(function).parameters)[1:] for name, function in FUNCTIONS.items()}

    assert declared == actual


def test_the_stubs_declare_the_values_that_cross():
    tree = ast.parse(files("sipwright.services.dialplan.language").joinpath("names.pyi").read_text())
    declared = {
        node.name: [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name not in ("Headers", "Store")
    }

    crossing = (Request, Call, LegResult, DialResult, LegSpec, HttpResponse, Binding)
    assert declared == {class_.__name__: list(class_._fields) for class_ in crossing}


def test_the_stubs_declare_the_store():
    tree = ast.parse(files("sipwright.services.dialplan.language").joinpath("names.pyi").read_text())
    (store,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Store")
    declared = {
        node.name: [argument.arg for argument in node.args.args][1:]
        for node in store.body
        if isinstance(node, ast.FunctionDef)
    }

    assert declared == {
        name: list(inspect.signature(function).parameters)[1:] for name, function in STORE_FUNCTIONS.items()
    }


def test_dial_says_who_rings_for_how_long():
    order = make_api().dial("${dst}@blueface & bob@local[dt=5]", ring=25)

    assert order.groups == (
        (DialLeg(ToUser("300", "blueface")), DialLeg(ToUser("bob", "local"), LegOptions(delay=5.0))),
    )
    assert (order.ring, order.wait, order.headers) == (25.0, False, ())
    assert 299 < order.patience <= 300


def test_a_leg_rings_180_seconds_at_most_and_never_beyond_the_run():
    api = make_api()
    assert api.dial("a@b").ring == 180.0

    api.deadline = time.time() + 10
    assert api.dial("a@b").ring <= 10


def test_arguments_of_dial_are_defaults_for_its_legs():
    order = make_api().dial(
        "a@b & c@d[ma=true,fu=x,fd=,fh=h,cd=5]",
        limit=60,
        mangle=False,
        from_name="N",
        from_user="u",
        from_host="z",
        headers={"X-A": "1\r\nVia: x"},
        wait=True,
    )

    first, second = order.groups[0]
    assert first.options == LegOptions(None, 60.0, False, "N", "u", "z")
    assert second.options == LegOptions(None, 5.0, True, "", "x", "h")
    assert (order.headers, order.wait) == ((("X-A", "1 Via: x"),), True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda api: api.dial(5), TypeError, "target must be a text, not int"),
        (lambda api: api.dial("a@b &"), ValueError, "at position 6"),
        (lambda api: api.dial("a@b", ring="25"), TypeError, "ring must be a number of seconds"),
        (lambda api: api.dial("a@b", ring=True), TypeError, "ring must be a number of seconds"),
        (lambda api: api.dial("a@b", ring=0), ValueError, "more than 0 and at most 180"),
        (lambda api: api.dial("a@b", ring=float("nan")), ValueError, "must be a number"),
        (lambda api: api.dial("a@b", limit=10**400), ValueError, "at most 86400"),
        (lambda api: api.dial("a@b", mangle="no"), TypeError, "True or False"),
        (lambda api: api.dial("a@b", wait=1), TypeError, "True or False"),
        (lambda api: api.dial("a@b", from_name=1), TypeError, "from_name must be a text"),
        (lambda api: api.dial("a@b", from_host="[[["), ValueError, r"from_host '\[\[\[' is not a host"),
        (lambda api: api.dial("a@b[fh=x>]"), ValueError, "from_host 'x>' is not a host"),
        (lambda api: api.dial("a@b", headers=["x"]), TypeError, "a dict"),
        (lambda api: api.dial("a@b", headers={"Via": "x"}), ValueError, "written by the switch"),
        (lambda api: api.dial("a@b", headers={"X Y": "x"}), ValueError, "not the name of a header"),
        (lambda api: api.dial("a@b", headers={5: "x"}), ValueError, "not the name of a header"),
        (lambda api: api.dial("a@b", headers={"X": 5}), TypeError, "must be a text"),
        (lambda api: api.dial("a@b", headers={f"X{i}": "" for i in range(33)}), ValueError, "more than 32"),
        (lambda api: api.leg("a@b", headers={"Via": "x"}), ValueError, "written by the switch"),
        (lambda api: api.leg("a@b", headers="X: y"), TypeError, "a dict"),
        (lambda api: api.respond(200), ValueError, "status must be"),
        (lambda api: api.respond(100), ValueError, "status must be"),
        (lambda api: api.respond(True), ValueError, "status must be"),
        (lambda api: api.respond("486"), ValueError, "status must be"),
        (lambda api: api.respond(486, 5), TypeError, "reason must be a text"),
        (lambda api: api.respond(486, None, {"Contact": "<sip:a@b>"}), ValueError, "written by the switch"),
        (lambda api: api.e164("nonsense"), ValueError, "'nonsense' is not a phone number"),
        (lambda api: api.e164("087", "XX"), ValueError, "'XX' is not a region"),
        (lambda api: api.e164("087", "Ireland"), ValueError, "'IRELAND' is not a region; write two letters"),
        (lambda api: api.e164(87), TypeError, "number must be a text"),
        (lambda api: api.e164("87", 3), TypeError, "region must be a text"),
        (lambda api: api.sleep("1"), TypeError, "a number of seconds"),
        (lambda api: api.sleep(float("nan")), ValueError, "must be a number"),
    ],
)
def test_a_wrong_argument_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(make_api())


def test_a_leg_has_headers_of_its_own():
    """They are a part of the leg, however it is written down on its way to the phone."""
    api = make_api()
    long = {f"X-{number}": 1000 * '"' for number in range(32)}
    legs = [api.leg("a@b", headers={"X-A": 'one, "two"\r\n'}), api.leg("c@d", delay=1, headers=long)]
    order = api.dial(legs, headers={"X-B": "2"})

    (first, second), text = order.groups[0], order.to_json()["target"]
    assert first.options.headers == (("X-A", 'one, "two"'),)
    assert second.options == LegOptions(delay=1.0, headers=tuple(long.items()))
    assert order.headers == (("X-B", "2"),)
    assert parse_dial_string(text, most=MAX_WRITTEN) == order.groups


def test_respond_may_redirect():
    response = make_api().respond(302, "Moved\r\nAway", {"Contact": "<sip:a@b>"})

    assert response == Respond(302, "Moved Away", (("Contact", "<sip:a@b>"),))
    assert (response.is_final, make_api().respond(183).is_final) == (True, False)


def test_log_takes_anything():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    assert make_api().log("a", 5, None, deep, 10**5000).text == "a 5 None [[[[[[[...]]]]]]] <int>"
    while deep:
        deep = deep[0]


def test_numbers_become_international():
    assert make_api().e164("087 123 4567", "ie") == "+353871234567"
    assert make_api().e164("+1 650 253 0000") == "+16502530000"


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("12", "IE"),
        ("300", "IE"),
        ("112", "IE"),
        ("300", "GB"),
        ("911", "US"),
        ("2530000", "US"),
        ("300", "DE"),
        ("300", "AT"),
        ("300", "FR"),
        ("+353 12", None),
        ("+353 1 2345 6789 0123", "IE"),
    ],
)
def test_what_is_short_or_long_of_a_number_is_none(number, region):
    """Extensions, emergency numbers, numbers without their area code."""
    with pytest.raises(ValueError, match="not a whole phone number"):
        make_api().e164(number, region)


def test_the_region_is_named_where_it_matters():
    with pytest.raises(ValueError, match=r"^'12' is not a whole phone number in IE$"):
        make_api().e164("12", "ie")
    with pytest.raises(ValueError, match=r"^'\+35312' is not a whole phone number$"):
        make_api().e164("+35312", "ie")


@pytest.mark.parametrize(
    ("number", "region", "international"),
    [
        ("012345678", "IE", "+35312345678"),
        ("030 123456", "DE", "+4930123456"),
        ("05 12 34 56 78", "FR", "+33512345678"),
        ("1800 123456", "IE", "+3531800123456"),
        ("+800 1234 5678", None, "+80012345678"),
        ("0999 999 999", "GB", "+44999999999"),
        ("555 123 4567", "US", "+15551234567"),
    ],
)
def test_a_number_of_a_range_that_nobody_knows_yet_is_a_number(number, region, international):
    """The last two are in no range that the tables have."""
    assert make_api().e164(number, region) == international


def test_sleep_is_an_order_unless_there_is_nothing_to_wait_for():
    assert [make_api().sleep(seconds) for seconds in (2, 0, -1)] == [Sleep(2.0), None, None]


def test_the_dials_of_a_run_are_counted_by_legs():
    api = make_api(dials=3)
    api.dial("a@b & c@d")
    with pytest.raises(BudgetExceeded, match="used up its 3 dials"):
        api.dial("e@f | g@h")


def test_the_time_of_a_run_ends_unless_it_was_spent_talking():
    api = make_api()
    with pytest.raises(BudgetExceeded, match=r"sleep\(400\) is longer"):
        api.sleep(400)

    api.deadline = time.time() - 1
    with pytest.raises(BudgetExceeded, match="longer than 300 s"):
        api.dial("a@b")

    api.hear(DialResult(True, 200, "OK", [], 100.0))
    assert isinstance(api.dial("a@b"), Dial)


def test_log_lines_are_kept_up_to_a_number_and_a_size():
    few, short = make_api(log_lines=2), make_api(log_size=5)

    assert [few.take_log(LogLine(text, 1)) for text in "abcd"] == [
        LogLine("a", 1),
        LogLine("b", 1),
        LogLine("(the run has logged enough; the rest is dropped)", 1),
        None,
    ]
    assert short.take_log(LogLine("123456", 1)) == LogLine(
        "(the run has logged enough; the rest is dropped)", 1
    )
    assert short.take_log(LogLine("1", 2)) is None


def test_what_is_used_survives_in_the_state():
    api = make_api()
    api.dial("a@b")
    api.take_log(LogLine("x", 1))

    again = ScriptApi.from_state(Limits(), api.to_state(has_inputs=False))

    expected = {"deadline": api.deadline, "dials": 1, "log_lines": 1, "log_size": 1}
    assert api.to_state(has_inputs=True) == expected
    assert again.to_state(has_inputs=False) == {**expected, "variables": {"dst": "300"}, "facts": {}}


def test_orders_say_what_the_journal_keeps():
    api = make_api()

    assert api.dial("a@b", ring=5).to_json() == {"target": "a@b", "ring": 5.0}
    assert api.dial("a@b", ring=5, headers={"X": "1"}, wait=True).to_json() == {
        "target": "a@b", "ring": 5.0, "headers": (("X", "1"),), "wait": True,
    }  # fmt: skip
    assert api.respond(486).to_json() == {"status": 486, "reason": None}
    assert api.respond(302, "M", {"Contact": "x"}).to_json()["headers"] == (("Contact", "x"),)
    assert Sleep(2.0).to_json() == {"seconds": 2.0}


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\r\nb\x00\x85c\u2028d", "a b c d"), ("x" * 50, "x" * 17 + "..."), ("é\udce9", "é")],
)
def test_text_for_a_header_is_one_short_line(text, line):
    assert one_line(text, 20) == line


def test_the_names_of_all_time_zones_are_looked_for_once(monkeypatch):
    """It means opening hundreds of files, in the event loop perhaps."""
    asked = []
    monkeypatch.setattr(
        call_functions, "available_timezones", lambda: asked.append("") or {"Europe/Dublin", "Asia/Tokyo"}
    )
    call_functions._zones.cache_clear()
    try:
        for _ in range(2):
            with pytest.raises(ValueError, match="not a time zone such as 'Europe/Dublin'"):
                call_functions.zone("dublin")
    finally:
        call_functions._zones.cache_clear()

    assert len(asked) == 1
