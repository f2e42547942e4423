"""The ledger of what is remembered: nothing is, without a row there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REMEMBERS = re.compile(r"^\s*@(?:functools\.)?(?:lru_)?cache\b|= (?:Memo|Bounded)\(", re.MULTILINE)
NAMED = re.compile(r"^(\w+)(?::[^=\n]+)? = Memo\(", re.MULTILINE)


def rows():
    """The ledger, and each file that remembers with the names of its memos."""
    ledger = (ROOT / "benchmarks" / "CACHES.md").read_text("utf-8")
    for path in sorted((ROOT / "src").rglob("*.py")):
        source = path.read_text("utf-8")
        if REMEMBERS.search(source):
            yield ledger, f"{path.parent.name}/{path.name}", NAMED.findall(source)


def test_every_file_that_remembers_is_in_the_ledger():
    missing = [place for ledger, place, _ in rows() if f"{place}`" not in ledger]

    assert missing == []


def test_every_memo_has_its_row_with_what_it_saves():
    without = [
        (place, name)
        for ledger, place, names in rows()
        for name in names
        if not re.search(rf"^\| `[^`]*{re.escape(place)}` `{name}` \|.*\d µs", ledger, re.MULTILINE)
    ]

    assert without == []
    assert sum(len(names) for _, _, names in rows()) >= 7
