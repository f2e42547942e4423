"""What is said of a command line that is wrong."""

from __future__ import annotations

import pytest

from sipwright.commands.__main__ import run


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cdrs --limit x", "--limit: 'x' is no whole number; see 'sipwright cdrs --help'"),
        ("cdrs --limit 1.5", "--limit: '1.5' is no whole number; see 'sipwright cdrs --help'"),
        ("cdrs --limit 0", "--limit: '0' is too small: 1 at least; see 'sipwright cdrs --help'"),
        ("call-test --talk x", "--talk: 'x' is no number; see 'sipwright call-test --help'"),
        ("call-test --talk 31", "--talk: '31' is too large: 30.0 at most; see 'sipwright call-test --help'"),
        ("guard confirm x", "ID: 'x' is no whole number; see 'sipwright guard confirm --help'"),
        ("cdrs --limt 3", "No such option: --limt; did you mean --limit; see 'sipwright cdrs --help'"),
        ("acount list", "No such command 'acount'; did you mean 'account'; see 'sipwright --help'"),
        (
            "account lst",
            "No such command 'lst'; did you mean 'list' or 'set'; see 'sipwright account --help'",
        ),
        ("user show carol", "No such command 'show'; see 'sipwright user --help'"),
        ("account add", "Missing argument 'NAME'; see 'sipwright account add --help'"),
    ],
)
def test_it_says_what_is_wrong_and_what_there_is(line: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert run(line.split()) == 2
    assert capsys.readouterr().err == f"sipwright: {said}\n"
