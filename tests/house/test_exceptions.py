"""Whoever takes an exception to a rule says why, in the same line."""

import re

from house.source import SOURCE

_EXCEPTION = re.compile(r"#\s*noqa\b:?\s*[A-Z0-9, ]*(.*)")


def test_every_rule_that_is_not_kept_has_its_reason_beside_it():
    bare = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in SOURCE.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (found := _EXCEPTION.search(line))
        and not found[1].strip("() -,")
        and "#" not in line[: found.start()]
    ]

    assert bare == []
