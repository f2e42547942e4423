"""Scripts that would run a text, which nobody has checked, are not saved."""

from __future__ import annotations

import pytest

from sipwright.services.dialplan import check_script


@pytest.mark.parametrize(
    ("source", "line", "column", "name"),
    [
        ("x = eval(req.from_name)", 1, 5, "eval"),
        ("log('x')\nif call.active:\n    exec('dial(\"bob\")')", 3, 5, "exec"),
        ("run = eval\nrun('1')", 1, 7, "eval"),
        ("def f(text):\n    return [eval][0](text)\nf('1')", 2, 13, "eval"),
        ("eval = eval\nlog(str(eval('1')))", 1, 8, "eval"),
        ("run = exec\ndef exec(text: str) -> None:\n    pass\nrun('1')", 1, 7, "exec"),
        ("def f(eval: str) -> str:\n    return ''\nexec(f('1'))", 3, 1, "exec"),
        # nested quotes of one kind: our Python cannot read them, the interpreter can
        ("a = {'b': '1'}\nx = f'{eval(a['b'])}'", 2, 8, "eval"),
    ],
)
def test_what_runs_a_text_is_told_with_its_place(source, line, column, name):
    problem, *_ = check_script(source)

    assert (problem.line, problem.column) == (line, column)
    assert problem.message.startswith(f"{name}() runs a text that nobody can check before a call")


def test_it_is_said_what_to_write_instead():
    (problem,) = check_script("x = eval('[1, 2]')")

    assert problem.message.endswith(": json.loads() reads values")


@pytest.mark.parametrize(
    "source",
    [
        "log('eval(1)')  # exec('x')",
        "import re\nlog(re.match('exec', req.user) is None)",
    ],
)
def test_texts_and_remarks_are_left_alone(source):
    assert check_script(source) == []
