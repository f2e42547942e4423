"""One word for one thing: the field's, and not one that we had before we knew it."""

import re
from functools import cache

import pytest

from house.source import modules, scopes

GONE = {
    "alarm": "timer",
    "astray": "non-determinism",
    "crossing": "relay",
    "opening": "activation cache, which is gone",
    "revival": "recovery",
    "revive": "recover",
    "stretch": "activation",
    "surprise": "fallback",
    "thaw": "decode",
    "watcher": "observer",
}
"""Words that are no names any more, and what is said instead. Names that are stored stay: they are texts, not names."""


@pytest.mark.parametrize("word", GONE)
def test_a_word_that_was_given_up_is_no_name_any_more(word):
    assert sorted(places for name, places in names().items() if word in parts(name)) == []


@cache
def parts(name):
    """The words of a name, in the singular: `_CallWatchers` is call and watcher."""
    return {
        part.lower().removesuffix("s").removesuffix("d") for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    }


@cache
def names():
    """Every name that the source gives (modules, classes, functions, arguments, variables, attributes), and where."""
    found = {module: module for module in modules()}
    for module, _, node in scopes():
        for field in ("name", "arg", "id", "attr"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                found[name] = f"{module}: {name}"
    return found
