"""The pages about the code name what is there."""

import pytest

from docs.references import ROOT, places, value_of

PAGES = ["docs/architecture.md", "CONTRIBUTING.md", "docs/sip-on-one-page.md"]

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
