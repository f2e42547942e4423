"""One word for one thing: the field's, and not one that we had before we knew it."""

import ast
import re

import pytest

from house.source import modules

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
    assert [f"{module}: {name}" for module, name in names() if word in parts(name)] == []


def parts(name):
    """The words of a name, in the singular: `_CallWatchers` is call and watcher."""
    return {
        part.lower().removesuffix("s").removesuffix("d") for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    }


def names():
    """Every name that the source gives: modules, classes, functions, arguments, variables, attributes."""
    for module, tree in modules().items():
        yield module, module
        for node in ast.walk(tree):
            for field in ("name", "arg", "id", "attr"):
                name = getattr(node, field, None)
                if isinstance(name, str):
                    yield module, name
