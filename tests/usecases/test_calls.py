"""Calls in progress, and what can be done about them."""

import json

import pytest

from sipwright.control.protocol import ControlError
from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.errors import Conflict, Invalid, NotFound, Refused, Unavailable

from .rows import CALLS, RUNS, call, put, run

ENTRY = {
    "sequence": 1, "at": 1_000.5, "function": "dial", "result": None,
    "arguments": {"line": 2, "target": "300@blueface"},
}  # fmt: skip


async def test_a_call_is_shown_with_its_legs_and_where_its_script_stands(usecases, carol):
    plan = await usecases.ground.administration.set_dialplan(
        "carol", "out", "log('hello')\ndial('300@blueface')\n"
    )
    assert plan == 1
    await put(usecases, CALLS, call("c0"))
    await put(usecases, RUNS, run("e0", "c0", 1, state="waiting", journal=_journal(ENTRY)))

    (shown,) = await usecases.calls.list(carol)
    assert (shown.id, shown.from_, shown.to, shown.state, shown.provider) == (
        "c0", "alice", "300", "ringing", "blueface",
    )  # fmt: skip
    assert (shown.dialplan, shown.version, shown.line, shown.text) == ("out", 1, 2, "dial('300@blueface')")
    assert [(leg.leg, leg.target, leg.state, leg.provider) for leg in shown.legs] == [
        (0, "alice", "ringing", None),
        (1, "300@blueface", "ringing", "blueface"),
    ]
    assert await usecases.calls.get(carol, "c0") == shown


@pytest.mark.parametrize(
    ("state", "legs", "held", "shown"),
    [
        ("setting up", (), (), ("setting up", False)),
        ("setting up", ("calling", "waiting"), (), ("setting up", False)),
        ("setting up", ("ended", "ringing"), (), ("ringing", False)),
        ("talking", ("answered", "ringing"), (), ("talking", False)),
        ("talking", ("answered",), (1,), ("talking", True)),
        ("ending", ("ringing",), (), ("ending", False)),
    ],
)
async def test_a_call_rings_as_soon_as_somebody_does_and_is_held_while_one_end_holds_it(
    usecases, carol, state, legs, held, shown
):
    await put(usecases, CALLS, call_like("c0", state, legs, held))

    found, traced = await usecases.calls.get(carol, "c0"), await usecases.traces.get(carol, "c0")
    assert (found.state, found.held) == (traced.state, traced.held) == shown


def call_like(call_id, state, legs, held):
    row = call(call_id, state=state)
    document = json.loads(row["document"])
    (leg,) = document["legs"]
    more = {"state": state, "legs": [{**leg, "state": each} for each in legs], "held": held}
    return row | {"document": json.dumps({**document, **more}).encode()}


async def test_a_call_that_another_version_has_written_is_shown_all_the_same(usecases, carol):
    await put(usecases, CALLS, call("c0", document=b"{}"))

    assert (await usecases.calls.get(carol, "c0")).legs == ()


async def test_the_switch_acts_for_the_one_whose_call_it_is(usecases, switch, admin, carol):
    await put(usecases, CALLS, call("c0"))
    switch.answers |= {"calls.hangup": {}, "calls.transfer": {}, "calls.redirect": {}}

    await usecases.calls.hangup(carol, "c0")
    await usecases.calls.transfer(admin, "c0", " bob ")
    await usecases.calls.redirect(carol, "c0", "300@blueface")
    assert [one for one in switch.asked if one[0] != "changes.apply"] == [
        ("calls.hangup", {"call": "c0", "user_id": 2}),
        ("calls.transfer", {"call": "c0", "to": "bob", "user_id": 2}),
        ("calls.redirect", {"call": "c0", "to": "300@blueface", "user_id": 2}),
    ]


async def test_nobody_steers_what_is_anothers(usecases, switch, dave):
    await put(usecases, CALLS, call("c0"))

    for work in (
        usecases.calls.get(dave, "c0"),
        usecases.calls.hangup(dave, "c0"),
        usecases.calls.transfer(dave, "c0", "bob"),
        usecases.calls.redirect(dave, "c0", "bob"),
    ):
        with pytest.raises(NotFound):
            await work
    assert len(await usecases.calls.list(dave)) == 0
    assert switch.asked == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (ControlError("refused", "it does not ring"), Refused),
        (ControlError("not_found", "there is no such call"), NotFound),
        (ControlError("invalid", "that is no target", field="to"), Invalid),
        (ControlError("conflict", "that is under way"), Conflict),
        (ControlError("unavailable", "too much to do", retry_after=7.0), Unavailable),
        (ControlError("failed", "internal error"), Unavailable),
    ],
)
async def test_what_the_switch_says_is_said_in_our_words(usecases, switch, carol, said, meant):
    await put(usecases, CALLS, call("c0"))
    switch.answers["calls.redirect"] = said

    with pytest.raises(meant) as caught:
        await usecases.calls.redirect(carol, "c0", "bob")
    assert str(caught.value) == str(said)


async def test_a_call_is_placed_by_the_switch_and_once_for_each_key(usecases, switch, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    switch.answers["calls.place"] = {"call": "c1", "repeated": False}

    assert await usecases.calls.place(carol, "alice", " bob ") == "c1"
    assert await usecases.calls.place(carol, "alice", "bob", key="k1") == "c1"
    with pytest.raises(Invalid):
        await usecases.calls.place(carol, "alice", "bob", key="k" * 201)
    asked = {"from": "alice@example.org", "to": "bob", "user_id": 2}
    placed = [arguments for name, arguments in switch.asked if name == "calls.place"]
    assert placed == [asked, {**asked, "key": "k1"}]


async def test_nobody_calls_with_anothers_account(usecases, switch, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))

    said = []
    for name in ("alice", "nobody"):
        with pytest.raises(Invalid) as caught:
            await usecases.calls.place(dave, name, "bob")
        said.append(str(caught.value).replace(name, "NAME"))
        assert caught.value.fields[0].field == "from"
    assert len(set(said)) == 1


async def test_without_a_switch_it_is_said_when_to_try_again(usecases, carol):
    await put(usecases, CALLS, call("c0"))

    with pytest.raises(Unavailable):
        await usecases.calls.hangup(carol, "c0")


def _journal(*entries):
    from sipwright.services.journal_text import dump, write_entries

    return write_entries(map(dump, entries))


def two_parts(common, inner_user=2):
    """A call of alice's dialplan to bob's that talks."""
    rows = []
    for name, sip, to, linked, user_id in (
        (common, ("s0", "s1"), "bob@local", None, 2),
        (f"{common}-in", ("s1", "s2"), "sip:bob@example.org", common, inner_user),
    ):
        row = call(
            name, user_id, at=1_000.0 + len(rows), state="talking", answered_at=1_002.0, linked_id=linked
        )
        document = json.loads(row["document"]) | {"peer": 1, "linked_id": linked}
        document["caller"]["call_id"], document["legs"][0]["call_id"] = sip
        document["legs"][0]["destination"] = {"target": to, "uri": to, "to": to}
        rows.append(row | {"document": json.dumps(document).encode()})
    return rows


async def test_a_call_is_one_line_with_who_has_answered(usecases, switch, admin, carol, dave):
    await put(usecases, CALLS, *two_parts("hers"), *two_parts("both", inner_user=3))

    found = await usecases.calls.list(carol)
    assert [(one.id, one.call, one.answered_by) for one in found] == [
        ("both", "both", "bob@local"), ("hers", "hers", "sip:bob@example.org"),
    ]  # fmt: skip
    parts = await usecases.calls.list(carol, parts=True)
    assert [(one.id, one.call) for one in parts] == [("both", "both"), ("hers", "hers"), ("hers-in", "hers")]
    assert [one.id for one in await usecases.calls.list(admin)] == ["both", "hers"]
    assert [one.id for one in await usecases.calls.list(dave)] == ["both-in"]
    assert (await usecases.calls.get(dave, "both")).id == "both-in"
    switch.answers["calls.hangup"] = {}
    await usecases.calls.hangup(dave, "both")
    assert ("calls.hangup", {"call": "both-in", "user_id": 3}) in switch.asked
