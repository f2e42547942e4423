"""The fixtures that the package brings for testing dialplans."""

from __future__ import annotations

import pytest

QUIETLY = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:timeout")

pytestmark = pytest.mark.dialplan(
    """\
log(f"{req.from_user} calls {req.user}")
if req.user == "100":
    respond(486, "Busy Here")
dial(f"{req.user}@blueface", ring=10)
dial("bob@local & carol@local[delay=5]", ring=20)
respond(480, "Nobody is available")
"""
)


def test_the_script_decides_alone(call):
    busy = call("alice", to="100")

    assert (busy.status, busy.reason, busy.path) == (486, "Busy Here", [])
    assert busy.log == ["alice calls 100"]


def test_a_phone_answers_after_a_provider_was_busy(call, phone, provider):
    provider("blueface").busy()
    phone("bob").rings(3).answers()

    taken = call("alice", to="300")

    assert (taken.status, taken.answered_by, taken.duration) == (200, "bob", 3.0)
    assert taken.path == ["blueface 486", "bob 200"]
    assert taken.dialled == ["300@blueface", "bob@local & carol@local[delay=5]"]


def test_a_provider_that_nobody_spoke_of_leads_nowhere(call, provider):
    provider("bluface").busy()
    tried = call("alice", to="300").legs[0]

    assert (tried.status, tried.reason) == (503, 'No Provider Or Host "blueface"')
    assert call("alice", to="300").no_provider == ["blueface"]


def test_nobody_answers_at_all(call, provider):
    provider("blueface").silent()
    alone = call("alice", to="300")

    assert (alone.status, alone.reason, alone.duration) == (480, "Nobody is available", 30.0)
    assert alone.path == ["blueface 408", "bob 408", "carol 408"]
    assert (alone.unknown, alone.no_provider) == (["bob@local", "carol@local"], [])


@pytest.mark.dialplan('respond(486, "Here Too")')
def test_a_marker_names_the_script_that_is_nearest(call):
    assert call().reason == "Here Too"


class TestOverridden:
    @pytest.fixture
    def dialplan(self, tmp_path):
        path = tmp_path / "own.py"
        path.write_text("log(call.dialplan)\nrespond(404)\n")
        return path

    def test_the_fixture_names_the_script(self, call):
        assert call().log == ["own"]


def test_a_test_without_a_script_says_so(pytester):
    pytester.makepyfile("def test_it(call):\n    call()\n")
    result = pytester.runpytest_inprocess(*QUIETLY)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*which dialplan? mark the test with*"])


def test_the_configuration_may_name_the_script(pytester):
    pytester.makeini("[pytest]\nsipwright_dialplan = plans/out.py\n")
    pytester.mkdir("plans").joinpath("out.py").write_text('dial("bob@local")\n')
    pytester.makepyfile(
        """
        def test_it(call, phone):
            phone("bob").rings(3).answers()
            assert call("alice", to="300").path == ["bob 200"]
        """
    )
    result = pytester.runpytest_inprocess(*QUIETLY)

    result.assert_outcomes(passed=1)


def test_a_script_imports_what_stands_beside_it(pytester):
    pytester.mkdir("plans").joinpath("out.py").write_text("from plans.common import ring\nring('bob')\n")
    pytester.path.joinpath("plans", "common.py").write_text("def ring(name):\n    dial(f'{name}@local')\n")
    pytester.path.joinpath("common.py").write_text("def ring(name):\n    dial('carol@local')\n")
    pytester.makepyfile(
        "def test_it(call, phone, effect):\n"
        "    phone('bob').busy()\n"
        "    assert call(plan='plans/out.py').path == ['bob 486']\n"
        "    assert call(plan='import plans.common as c\\nc.ring(1)').path == ['carol 408']\n"
        "    effect('secret', 'KEY').returns('12345678')\n"
        '    seen = call(plan=\'log(secret("KEY") == "12345678", secret("KEY"), secret("OTHER"))\')\n'
        "    assert seen.log == ['True <secret:KEY> <secret:OTHER>']\n"
    )
    result = pytester.runpytest_inprocess(*QUIETLY)

    result.assert_outcomes(passed=1)
