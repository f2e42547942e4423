"""What a checker is told not to look at says why: behind it, or in the comment above."""

import re

from house.source import modules

RULES = r"(\[[\w,-]+\]|: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)*)?"
IGNORED = re.compile(rf"#\s*(type: ignore|noqa|pragma)\b(?P<rules>{RULES})(?P<why>.*)")


def test_whoever_tells_a_checker_to_look_away_says_which_rule_is_meant_and_why():
    silent = []
    for module, path in modules().items():
        before = ""
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found = IGNORED.search(line)
            if found and not (found["rules"] and says_why(line, found, before)):
                silent.append(f"{module}:{number}")
            before = line

    assert silent == []


def says_why(line, found, before):
    """Whether there are some words: in the line, or alone in the one above."""
    said = found["why"] + line[: found.start()].partition("  # ")[2]
    if before.lstrip().startswith("#"):
        said += before
    return len(re.findall(r"\w+", said)) > 1
