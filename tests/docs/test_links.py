"""Every page that is named somewhere is there, and so is the heading that a link leads to."""

import re

import pytest

from docs.references import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"(?<![\w/.:-])[\w./-]+\.md\b")
CODE = re.compile(r"^```.*?^```|^ {4}.*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/*.md", "tests/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
TEXTS = sorted({*PAGES, *(ROOT / "src").rglob("*.py"), ROOT / "pyproject.toml", ROOT / "Makefile"})


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_link_leads_somewhere(path):
    assert [link for link in links_of(path) if not is_there(path, link)] == []


def test_a_page_that_a_text_names_is_there():
    names = {page.name for page in PAGES}

    assert [
        (name_of(path), named)
        for path in TEXTS
        for named in NAMED.findall(path.read_text("utf-8"))
        if named.rpartition("/")[2] not in names
    ] == []


def links_of(path):
    """The links of a page that lead to other pages of the project, or into itself."""
    return [link for link in LINK.findall(CODE.sub("", path.read_text("utf-8"))) if "://" not in link]


def is_there(path, link):
    name, _, heading = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists():
        return False
    return not heading or heading in headings_of(target)


def headings_of(path):
    """The headings of a page as links name them."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}
