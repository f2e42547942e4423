"""Names of ours that a script gives a meaning of its own."""

from __future__ import annotations

import ast

import pytest

from sipwright.services.dialplan import check_script
from sipwright.services.dialplan.checking.shadowing import own_meanings, stubs_without


@pytest.mark.parametrize(
    "source",
    [
        'result = dial("bob@local")\nfor leg in result.legs:\n    log(leg.target)',
        'result = dial("bob@local")\nredirect = result.redirect\nlog(redirect)',
        'email = "bob@example.org"\nlog(email)',
        'secret = secret("API_KEY")\nlog(secret)',
        'bindings = bindings("bob")\nlog(len(bindings))',
        "call = call.id\nlog(call)",
        "store = {}\nstore['a'] = 1",
        "try:\n    dial('a@b')\nexcept ValueError as progress:\n    log(progress)",
        "match req.user:\n    case email:\n        log(email)",
        "def e164(number):\n    return number\nlog(e164('1'))",
    ],
)
def test_a_name_of_ours_may_be_given_another_meaning(source):
    assert check_script(source) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(leg):\n    log(leg)\nleg('a@b', dely=5)", "`dely` does not match"),
        ("leg = 1\nlog(req.usr)", "`Request` has no attribute `usr`"),
        ("[leg for leg in 'ab']\nrespond('486')", "Expected `int`"),
    ],
)
def test_all_else_is_checked_as_ever(source, message):
    assert message in "; ".join(problem.message for problem in check_script(source))


def test_a_name_in_a_function_is_its_own():
    tree = ast.parse("def f(leg):\n    email = leg\n    global park\n    park = 1\nlambda call: call")

    assert own_meanings(tree) == {"f", "park"}


def test_the_other_stubs_stay_on_their_lines():
    stubs = "from typing import Any\n\ndef a(\n    x: int,\n) -> int: ...\nb: str\ndef c() -> int: ...\n"

    assert stubs_without(stubs, frozenset({"a", "b", "d"})) == (
        "from typing import Any\n\na: Any\n\n\nb: Any\ndef c() -> int: ...\n"
    )
