"""Exceptions that the interpreter does not make, found before a script is saved."""

from __future__ import annotations

import pytest

from sipwright.services.dialplan import check_script


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("raise ValueError(404)", "ValueError(str(404))"),
        ("raise KeyError(None)", "KeyError(str(None))"),
        ("raise OSError(2, 'no')", "OSError(str(2))"),
        ("raise ValueError(('a', 'b'))", "ValueError(str(('a', 'b')))"),
        ("error = RuntimeError(1)\nlog(error)", "RuntimeError(str(1))"),
        ("try:\n    raise ValueError(404)\nexcept ValueError:\n    pass", "ValueError(str(404))"),
        ("try:\n    dial('a@b')\nexcept OSError as e:\n    raise ValueError(e)", "ValueError(str(e))"),
    ],
)
def test_an_exception_that_is_not_made_of_one_text_is_told_with_what_to_write(source, instead):
    (problem,) = check_script(source)

    assert problem.message.endswith(f"takes nothing but one text here: write {instead}")
    assert "Error(" in source.splitlines()[problem.line - 1]


@pytest.mark.parametrize(
    "source",
    [
        "raise ValueError",
        "raise ValueError()",
        "raise ValueError('a')",
        "raise ValueError(f'{req.user}')",
        "raise ValueError(str(404))",
        "text = req.user\nraise ValueError(text)",
        "texts = ['a']\nraise ValueError(*texts)",
        "def ValueError(number):\n    return 'mine'\nlog(ValueError(404))",
        "try:\n    dial('a@b')\nexcept OSError as e:\n    e = 'text'\n    raise ValueError(e)",
    ],
)
def test_what_may_be_right_is_left_alone(source):
    assert not any("nothing but one text" in problem.message for problem in check_script(source))
