"""Dialplans, as people write, try and replay them."""

import pytest

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.dialplans import ReplayWish, TryWish
from sipwright.usecases.errors import Changed, Conflict, Invalid, NotFound

from .rows import RUNS, put, run

BUSY, GONE = 'respond(486, "Busy Here")\n', 'respond(410, "Gone")\n'


async def test_a_dialplan_is_kept_with_its_versions(usecases, switch, carol):
    made = await usecases.dialplans.put(carol, "out", BUSY)
    changed = await usecases.dialplans.put(carol, "out", GONE, if_match=made.dialplan.etag)

    assert (made.version, changed.version, changed.source) == (1, 2, GONE)
    assert (await usecases.dialplans.get(carol, "out")) == changed
    assert (await usecases.dialplans.get(carol, "out", version=1)).source == BUSY
    versions = await usecases.dialplans.versions(carol, "out", limit=1)
    older = await usecases.dialplans.versions(carol, "out", cursor=versions.next)
    assert [(one.version, one.live) for one in (*versions, *older)] == [(2, True), (1, False)]
    diff = await usecases.dialplans.diff(carol, "out", 1)
    assert diff.text.splitlines()[-2:] == ["-" + BUSY.strip(), "+" + GONE.strip()]
    assert (await usecases.dialplans.rollback(carol, "out")).version == 1
    assert switch.asked.count(("changes.apply", {})) == 3


async def test_the_second_of_two_who_edit_is_told(usecases, carol):
    made = await usecases.dialplans.put(carol, "out", BUSY)
    changed = await usecases.dialplans.put(carol, "out", GONE, if_match=made.dialplan.etag)

    with pytest.raises(Changed) as caught:
        await usecases.dialplans.put(carol, "out", 'respond(404, "No")\n', if_match=made.dialplan.etag)
    assert caught.value.etag == changed.dialplan.etag


async def test_what_is_wrong_is_told_at_its_line_and_not_saved(usecases, carol):
    with pytest.raises(Invalid) as caught:
        await usecases.dialplans.put(carol, "out", BUSY + "dail('x')\nrespond(99)\n")

    first, *_ = caught.value.fields
    assert (first.field, first.line) == ("source", 2)
    assert (await usecases.dialplans.list(carol)).items == ()
    assert [one.line for one in await usecases.dialplans.check(carol, "x = (")] == [1]


async def test_the_list_says_how_the_runs_went(usecases, carol):
    await usecases.dialplans.put(carol, "out", BUSY)
    now = usecases.ground.now
    await put(
        usecases,
        RUNS,
        run("e1", "c1", 1, at=now - 9),
        run("e2", "c2", 1, at=now - 5, state="failed"),
        run("e3", "c3", 1, at=now - 8 * 86_400, state="failed"),
    )

    (shown,) = await usecases.dialplans.list(carol)
    assert (shown.last_run_at, shown.last_run_state, shown.failures) == (now - 5, "failed", 1)
    page = await usecases.dialplans.runs(carol, "out", limit=2)
    rest = await usecases.dialplans.runs(carol, "out", cursor=page.next)
    assert [one.run for one in (*page, *rest)] == ["e2", "e1", "e3"]


async def test_one_that_runs_stays(usecases, carol):
    await usecases.dialplans.put(carol, "out", BUSY)
    await usecases.accounts.create(carol, AccountSpec("alice", "secret", out_plan="out"))

    assert (await usecases.dialplans.get(carol, "out")).used_by == ("calls from alice@example.org",)
    with pytest.raises(Conflict):
        await usecases.dialplans.remove(carol, "out")


async def test_what_is_anothers_is_as_if_it_were_not_there(usecases, carol, dave):
    await usecases.dialplans.put(carol, "out", BUSY)

    for work in (
        usecases.dialplans.get(dave, "out"),
        usecases.dialplans.remove(dave, "out"),
        usecases.dialplans.versions(dave, "out"),
        usecases.dialplans.diff(dave, "out", 1),
        usecases.dialplans.rollback(dave, "out"),
        usecases.dialplans.runs(dave, "out"),
        usecases.dialplans.try_call(dave, TryWish(), name="out"),
        usecases.dialplans.replay(dave, "out", ReplayWish(0.0)),
        usecases.dialplans.put(dave, "out", BUSY, user="carol"),
    ):
        with pytest.raises(NotFound):
            await work


async def test_a_draft_is_tried_without_a_phone(usecases, carol, dave):
    await usecases.dialplans.put(dave, "reception", BUSY)
    await usecases.accounts.create(dave, AccountSpec("bob", "secret", in_plan="reception"))
    wish = TryWish(to="300", answers=["blueface: busy", "bob: rings 5 then 200"])

    tried = await usecases.dialplans.try_call(carol, wish, source="dial('300@blueface')\ndial('bob')\n")
    assert tried.failure is None
    assert tried.result["answered_by"] == "bob"
    assert not any("reception" in line for line in tried.lines)  # what dave's phone runs is dave's business
    for wrong, field in (
        (TryWish(direction="up"), "direction"),
        (TryWish(at="noonish"), "at"),
        (TryWish(answers=["bob"]), "answers"),
        (TryWish(effects=["http_get: {"]), "effects"),
        (TryWish(in_plans=["bob: reception"]), "in_plans"),
    ):
        with pytest.raises(Invalid) as caught:
            await usecases.dialplans.try_call(carol, wrong, source=BUSY)
        assert caught.value.fields[0].field == field


async def test_recorded_calls_go_through_a_draft(usecases, carol):
    await usecases.dialplans.put(carol, "out", BUSY)

    replayed = await usecases.dialplans.replay(carol, "out", ReplayWish(0.0), source=GONE)
    assert (replayed.calls, replayed.moved) == (0, ())
    with pytest.raises(Invalid):
        await usecases.dialplans.replay(carol, "out", ReplayWish(0.0, limit=10_001))


async def test_rules_become_a_script(usecases, carol):
    with pytest.raises(Invalid) as caught:
        await usecases.dialplans.compile_rules(carol, "x = 1")

    assert caught.value.fields[0].field == "rules"


COMMON, USES = "def ring(name):\n    dial(f'{name}@local')\n", "from plans.common import ring\nring('bob')\n"


async def test_a_dialplan_imports_another_one_of_its_owner(usecases, carol, dave):
    with pytest.raises(Invalid, match="no dialplan 'common'"):
        await usecases.dialplans.put(carol, "out", USES)
    await usecases.dialplans.put(dave, "common", COMMON)
    with pytest.raises(Invalid, match="no dialplan 'common'"):
        await usecases.dialplans.put(carol, "out", USES)
    await usecases.dialplans.put(carol, "common", COMMON)
    saved = await usecases.dialplans.put(carol, "out", USES)
    tried = await usecases.dialplans.try_call(carol, TryWish(answers=("bob: busy",)), name="out")
    drafted = await usecases.dialplans.try_call(carol, TryWish(), source=USES.replace("bob", "carol"))

    assert saved.warnings == ()
    assert (tried.result["status"], tried.result["path"]) == (486, ["bob 486"])
    assert drafted.result["path"] == ["carol 408"]
    assert any("dial(f'{name}@local')" in line for line in tried.lines)
    assert (await usecases.dialplans.get(carol, "common")).used_by == ("imported by out",)
    with pytest.raises(Conflict, match="imported by 'out'"):
        await usecases.dialplans.remove(carol, "common")
    assert await usecases.dialplans.check(carol, "from plans.common import ring") == ()
    (wrong,) = await usecases.dialplans.check(carol, "import plans.out", name="common")
    assert "circle" in wrong.message


async def test_saving_what_others_import_warns_of_what_they_lack_now(usecases, carol):
    await usecases.dialplans.put(carol, "common", COMMON)
    await usecases.dialplans.put(carol, "out", USES)
    saved = await usecases.dialplans.put(carol, "common", "def call_all():\n    pass\n")

    assert saved.version == 2
    assert saved.warnings == ("dialplan out, line 1: dialplan common has no 'ring'",)
    await usecases.dialplans.rollback(carol, "common")
    assert await usecases.dialplans.warnings(carol, "common") == ()


async def test_a_secret_that_nobody_has_set_is_told(usecases, carol):
    source = "log(secret('K') == secret('L'))\n"
    await usecases.secrets.put(carol, "L", "hush hush")
    saved = await usecases.dialplans.put(carol, "out", source)

    assert saved.warnings == ("there is no secret 'K' yet; 'sipwright secret set K' keeps one",)


async def test_what_a_dialplan_may_import_is_told_with_its_names(usecases, carol, dave):
    await usecases.dialplans.put(carol, "common", "groups = {}\n\n\ndef ring(name):\n    dial(name)\n")
    await usecases.dialplans.put(carol, "office-night", "respond(480)\n")
    await usecases.dialplans.put(dave, "daves", "x = 1\n")

    assert await usecases.dialplans.importable(carol, "out") == {"common": ("groups", "ring")}
    assert await usecases.dialplans.importable(carol, "common") == {}
