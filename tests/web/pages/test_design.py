"""The design: what is written can be read, in both themes, and every colour has its name there."""

import re
from importlib.resources import files

import pytest

from sipwright.web import pages
from sipwright.web.pages.design import DARK, EDGES, LIGHT, PAIRS, STYLESHEET, STYLESHEET_NAME

THEMES = {"light": LIGHT, "dark": DARK}
FOLDER = files(pages)
LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b(?!\d)|\brgba?\((?!255 255 255 /)")


def luminance(colour):
    """WCAG 2.1, "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_from_its_ground_by_four_and_a_half_to_one(theme):
    names = THEMES[theme]
    faint = {pair: round(contrast(*(names[name] for name in pair)), 2) for pair in PAIRS}

    assert {pair: found for pair, found in faint.items() if found < 4.5} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_edges_of_fields_and_buttons_stand_out_by_three_to_one(theme):
    names = THEMES[theme]
    faint = {pair: round(contrast(*(names[name] for name in pair)), 2) for pair in EDGES}

    assert {pair: found for pair, found in faint.items() if found < 3.0} == {}


def test_both_themes_have_the_same_names():
    assert LIGHT.keys() == DARK.keys()


def test_rules_and_components_name_no_colour_of_their_own():
    places = [*(FOLDER / "styles").iterdir(), *(FOLDER / "components").iterdir()]
    found = {place.name: LITERAL.findall(place.read_text("utf-8")) for place in places if place.is_file()}

    assert {name: colours for name, colours in found.items() if colours} == {}


def test_rules_use_only_names_that_there_are():
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLESHEET))
    known = set(re.findall(r"--([\w-]+):", STYLESHEET)) | {"span", "lanes"}

    assert used - known == set()


def test_nothing_is_fetched_from_outside():
    assert re.findall(r"url\(|@import|https?://", STYLESHEET) == []


def test_the_name_of_the_style_sheet_changes_with_it():
    assert re.fullmatch(r"style-[0-9a-f]{12}\.css", STYLESHEET_NAME)
