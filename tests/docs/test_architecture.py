"""The pages about the code name what is there."""

import ast
import re

import pytest

from docs.references import ROOT, SOURCE, places, value_of

PAGES = [
    "docs/architecture.md", "docs/durability.md", "docs/scale.md", "docs/sip-on-one-page.md",
    "docs/decisions/0002-replay.md", "docs/decisions/0003-faces.md", "CONTRIBUTING.md", "native/README.md",
]  # fmt: skip

TRIPS = ["REGISTER", "INVITE", "Its answer", "One effect across a kill", "One CDR"]


def text_of(page):
    return (ROOT / page).read_text("utf-8")


def section(title, level="##"):
    """The text below a heading of `docs/architecture.md`, up to the next one of its kind."""
    parts = text_of("docs/architecture.md").split(f"\n{level} ")
    (found,) = [part for part in parts if part.startswith(f"{title}\n")]
    return found.split("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    named = places(text_of(page))

    assert named
    for place in named:
        value_of(place)


@pytest.mark.parametrize("trip", TRIPS)
def test_a_trip_is_a_list_of_functions(trip):
    steps = [line for line in section(trip, "###").splitlines() if line[:1].isdigit()]

    assert len(steps) >= 5
    for step in steps:
        assert all(callable(value_of(place)) for place in places(step)), step
        assert places(step), step


@pytest.mark.parametrize("package", ["services/switch", "services/dialplan", "store"])
def test_every_room_of_a_large_package_is_on_the_page(package):
    (said,) = re.findall(rf"(?m)^Inside `{package}`(?:.+\n)+", section("Layers"))
    rooms = [f"`{init.parent.name}/`" for init in (SOURCE / package).glob("*/__init__.py")]
    rooms += [f"`{package}/{path.name}`" for path in (SOURCE / package).glob("[a-z]*.py")]

    assert [room for room in rooms if room not in said] == []


def test_every_machine_that_is_a_table_is_on_the_page():
    named = {str(place) for place in places(section("State machines"))}

    assert {place for place in tables() if place not in named} == set()


def tables():
    """The tables of states in the source, but for the empty one that those of transactions take the place of."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        if "RULES" in text or "TABLE" in text:
            tree = ast.parse(text)
            owners = [
                ("", tree),
                *((f"{one.name}.", one) for one in tree.body if isinstance(one, ast.ClassDef)),
            ]
            for owner, body in owners:
                yield from (f"{path.relative_to(SOURCE)}:{owner}{name}" for name in tables_in(body))


def tables_in(body):
    """The names of the tables that a module or a class has."""
    for node in body.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and not is_empty(node.value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id in ("RULES", "LEG_RULES", "TABLE"):
                    yield target.id


def is_empty(value):
    return value is None or (isinstance(value, ast.Dict) and not value.keys)


def test_every_bound_is_the_one_of_the_code():
    rows = [line for line in section("What is bounded").splitlines() if line.startswith("| ")][2:]

    assert len(rows) > 20
    for row in rows:
        _, _, bound, _, where, _ = (cell.strip() for cell in row.split("|"))
        (place,) = places(where)
        assert bound in written(value_of(place)), row


def written(value):
    """The ways to write a number in the table."""
    whole = int(value)
    return {f"{value:g}" if whole < 1000 else f"{whole:,}", f"{whole >> 10} KiB", f"{whole >> 20} MiB"}
