"""What the commands share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sipwright.commands.common import Progress, print_csv, print_script


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return [0.0]


def test_work_of_less_than_a_second_says_nothing(now: list[float], capsys: pytest.CaptureFixture[str]):
    progress = Progress("imported", lambda: now[0])
    for done, now[0] in ((1, 0.5), (2, 0.9)):
        progress(done, 2)

    assert capsys.readouterr().err == ""


def test_a_log_file_gets_a_line_each_ten_seconds(now: list[float], capsys: pytest.CaptureFixture[str]):
    progress = Progress("imported", lambda: now[0])
    for done in range(1, 25):
        now[0] = float(done)
        progress(done, 24)

    assert capsys.readouterr().err == "imported: 1 of 24\nimported: 11 of 24\nimported: 21 of 24\n"


def test_a_terminal_gets_one_line_that_is_written_over(
    now: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress("imported", lambda: now[0])
    for done in (1, 2, 3):
        now[0] = done * 0.9
        progress(done, 3)

    assert capsys.readouterr().err == "\rimported: 2 of 3\rimported: 3 of 3\n"


@pytest.mark.parametrize("print_it", [print_csv, print_script])
def test_what_nobody_reads_is_no_fault(print_it: Callable[[str], None], monkeypatch: pytest.MonkeyPatch):
    """There is no standard output after `>&-`."""
    monkeypatch.setattr("sys.stdout", None)

    print_it("a,b\n")
