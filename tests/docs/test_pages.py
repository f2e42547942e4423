"""The page of the pages shows each of them, as `make screenshots` takes them."""

import re

import pytest
from starlette.routing import compile_path

from docs.references import ROOT
from sipwright.web.pages.site import PAGES

pytest.importorskip("playwright")
from web.pages import screenshots

TAKEN = screenshots.OUTSIDE | screenshots.LIVE | screenshots.PAGES


def test_each_page_is_taken():
    assert [
        page for page in PAGES if not any(compile_path(page)[0].match(path) for path in TAKEN.values())
    ] == []


def test_each_that_is_taken_is_shown():
    shown = re.findall(r"\(pages/(.+)\.jpg\)", (ROOT / "docs" / "pages.md").read_text())

    assert sorted(shown) == sorted(TAKEN)
