"""What a script imports is checked before it is saved."""

import pytest

from sipwright.services.dialplan import Module, check_script

PLANS = {
    "common": Module(
        "common", "groups = {'a': 'bob@local'}\nlimit = 3\ndef ring(name: str) -> int:\n    return 1\n"
    ),
    "out": Module("out", "from plans.common import ring\n"),
    "deep": Module("deep", "from plans.out import ring\n"),
    "odd-name": Module("odd-name", ""),
    "lost": Module("lost", "def f():\n    global nowhere\n    nowhere = 1\n"),
    "loop": Module("loop", "import plans.loops\n"),
    "loops": Module("loops", "import plans.loop\n"),
}


def check(source, name="new"):
    return [
        f"{one.line}:{one.column}: {one.message}"
        for one in check_script(source, find=PLANS.get, name=name, known=PLANS)
    ]


@pytest.mark.parametrize(
    "source",
    [
        "from plans.common import groups, ring as r\ndial(groups[req.user])\nr('x')",
        "import plans.common\nlog(plans.common.limit + 1)",
        "from plans import common, deep as d\ncommon.ring('x')\nd.ring('y')",
        "def f():\n    import plans.common as c\n    return c.groups\nf()",
        "# from plans.gone import x\nlog('plans')",
    ],
)
def test_what_is_there_may_be_imported(source):
    assert check(source) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "x = 1\nfrom plans.commn import ring",
            "2:1: there is no dialplan 'commn' to import; did you mean common?",
        ),
        ("from plans.common import rnig", "1:1: dialplan common has no 'rnig'; did you mean ring?"),
        ("from plans.common import *", "1:1: scripts here cannot import *: name what you use"),
        ("import plans", "1:1: say which dialplan: from plans.NAME import what you use of it"),
        ("from plans import gone", "1:1: there is no dialplan 'gone' to import"),
        ("import plans.new", "1:1: dialplan new cannot import itself"),
        ("import plans.loop", "1:1: dialplans cannot import each other in a circle: loop, loops, loop"),
        (
            "import plans.lost",
            "1:1: dialplan lost cannot be imported: line 2: nowhere has no value at its top level",
        ),
        ("if req.user:\n    from plans.common import x1", "2:5: dialplan common has no 'x1'"),
        ("from plans.common import ring\nring(1)", "2:6: Argument"),
        ("from plans.common import ring\nring('a').no", "2:1: Object of type `int` has no attribute `no`"),
    ],
)
def test_what_is_not_there_is_told_at_its_line(source, said):
    (found,) = check(source)

    assert found.startswith(said)


def test_what_this_python_cannot_read_cannot_import(monkeypatch):
    monkeypatch.setattr("sipwright.services.dialplan.checking.check.parse", lambda source: None)
    (found,) = check("import plans.common\nlog('x')")

    assert found.startswith("1:1: one that imports others is written in a Python that this switch runs on")
    assert "never closed" in check("import plans.common\nlog('x'\n")[0]


def test_a_circle_through_the_script_itself_is_one():
    assert check("import plans.out", "common") == [
        "1:1: dialplans cannot import each other in a circle: common, out, common"
    ]


def test_who_forgets_the_package_is_told():
    (found,) = check("from common import ring")

    assert found.endswith("it is a dialplan of yours: write 'from plans.common import ...'")


def test_the_whole_is_not_longer_than_one_script():
    plans = {"large": Module("large", "x = 1\n" * 8_000)}

    assert (
        "and what it imports are longer"
        in check_script("import plans.large\n" + "y = 1\n" * 4_000, find=plans.get)[0].message
    )
