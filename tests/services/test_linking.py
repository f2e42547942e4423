"""Scripts with what they import, as two texts that run as Python runs modules."""

import pytest

from sipwright.services.linking import (
    LinkError,
    Module,
    circle,
    exported,
    imported,
    link,
    listed,
    listing,
    modules_for,
    parse,
    pinned,
    pins_of,
    place_of,
    where,
)

COMMON = Module(
    "common",
    '''"""Numbers."""
from __future__ import annotations
import re
from plans.numbers import area as prefix, count
limit = 3
calls = 0
text = """
    as it
stands"""
if limit > 2:
    large = True
else:
    small = True
for each in (1, 2): pass
[inner for inner in (1,)]
def ring(name):
    global calls
    calls += 1
    return f"{prefix}{name}{limit}{calls}"
def again():
    return ring("x")
class Group:
    def size(self): return limit
''',
    7,
    2,
)
NUMBERS = Module("numbers", "area = '01'\ncount = 0\n", 8, 1)
FIND = {"common": COMMON, "numbers": NUMBERS}.get


def run(source, *modules, **given):
    linked = link(source, modules)
    names = dict(given)
    exec(compile(linked.prelude, "prelude", "exec"), names)  # as two texts, one after the other
    exec(compile(linked.source, "source", "exec"), names)
    assert linked.source.count("\n") == source.count("\n")
    return names


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("from plans.common import ring\nx = ring('a')", "01a31"),
        ("from plans.common import ring as r, limit\nx = r('a') + str(limit)", "01a313"),
        ("from plans import common\nx = common.ring('a'), common.again()", ("01a31", "01x32")),
        ("from plans import common as c, numbers\nx = c.limit, numbers.area", (3, "01")),
        ("import plans.common\nx = plans.common.text", "\n    as it\nstands"),
        ("import plans.common as c, re\nx = re.sub('a', 'b', c.ring('a'))", "01b31"),
        ("import plans.common, plans.numbers\nx = plans.numbers.area, plans.common.large", ("01", True)),
        ("from plans.common import (  # both\n    ring,\n    limit,\n)\nx = ring('a'), limit", ("01a31", 3)),
        ("if True: from plans.common import limit; x = limit\n", 3),
        ("def f():\n    from plans.common import Group\n    return Group().size()\nx = f()", 3),
        ("é = 'é'; from plans.common import limit; x = é + str(limit)", "é3"),
        ("from plans.common import re\nx = re.escape('.')", "\\."),
        ("x = 'import plans.common'", "import plans.common"),
    ],
)
def test_an_import_gives_what_the_other_dialplan_defines(source, value):
    assert run(source, NUMBERS, COMMON)["x"] == value


def test_a_module_runs_once_and_when_it_is_reached():
    loud = Module("loud", "seen.append(1)\nx = len(seen)\n")
    source = "seen.append(0)\nfrom plans.loud import x\nfrom plans import loud\n"

    assert run(source, loud, seen=[])["seen"] == [0, 1]
    assert run("if False:\n    import plans.loud", loud, seen=[])["seen"] == []


def test_what_a_module_may_lack_is_missing_and_nothing_else():
    names = run("from plans import common", NUMBERS, COMMON)

    assert not hasattr(names["common"], "small")
    assert names["common"].each == 2


def test_what_is_not_there_fails_where_it_is_imported():
    with pytest.raises(ImportError, match="no dialplan 'gone'"):
        run("from plans.gone import (\n  a,\n  b)\n", COMMON, NUMBERS)
    star = link("from plans.common import *", [NUMBERS, COMMON]).source
    with pytest.raises(ImportError, match="in place of"):
        exec(star, {})


@pytest.mark.parametrize(
    ("source", "why"),
    [("def f():\n    global lost\n    lost = 1\n", "line 2: lost has no value"), ("x = (", "newer")],
)
def test_what_cannot_be_imported_says_why(source, why):
    with pytest.raises(LinkError, match=f"dialplan odd cannot be imported: .*{why}"):
        link("import plans.odd", [Module("odd", source)])


def test_a_script_that_imports_nothing_stays_as_it_is():
    assert link("from sipwright import dial\nx = 1", [COMMON]) == ("pass \nx = 1", "", ())


def test_what_is_imported_is_found_through_others_and_comes_first():
    assert imported("from plans.a import b\nimport plans.c as d, re\nfrom plans import e, a\nimport plans") == [
        "a", "c", "e",
    ]  # fmt: skip
    assert imported("x = (") == []
    assert modules_for("import plans.common, plans.gone", FIND) == (NUMBERS, COMMON)
    assert "small" in exported(parse(COMMON.source))
    assert "inner" not in exported(parse(COMMON.source))
    assert modules_for("import plans.x-y", {"x-y": COMMON}.get) == ()


def test_circles_are_told_by_their_way():
    plans = {
        "a": Module("a", "import plans.b"),
        "b": Module("b", "import plans.c, plans.a"),
        "c": Module("c", ""),
    }

    assert circle("a", "import plans.b", plans.get) == ["a", "b", "a"]
    assert circle("new", "import plans.a", plans.get) == ["a", "b", "a"]
    assert circle("new", "import plans.c", plans.get) is None
    assert len(modules_for("import plans.a", plans.get)) == 3


def test_a_line_of_the_listing_is_known_by_its_dialplan():
    source, modules = "a\nb\n", (Module("one", "c\nd\n"), Module("two", "e"))
    text = listing(source, modules).split("\n")

    assert text == ["a", "b", "# dialplan one", "c", "d", "# dialplan two", "e"]
    assert [place_of(line, source, modules) for line in (1, 2, 4, 5, 7)] == [
        (None, 1), (None, 2), ("one", 1), ("one", 2), ("two", 1),
    ]  # fmt: skip
    assert [listed(place, source, modules) for place in (("one", 2), ("two", 1), ("x", 1))] == [5, 7, None]
    assert (where(2, source, modules), where(5, source, modules)) == ("line 2", "line 2 of one")
    assert listing(source, ()) == source


def test_the_versions_that_a_run_began_with_are_kept_and_read():
    kept = {"call": {}, "plans": pins_of((NUMBERS, COMMON))}

    assert pinned(kept) == (("numbers", 8, 1), ("common", 7, 2))
    assert pinned({"call": {}}) == ()
