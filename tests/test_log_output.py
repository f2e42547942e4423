"""What the log keeps for whoever asks how the switch is, and how it looks on a terminal."""

from __future__ import annotations

import logging
import sys

import pytest
import structlog

from sipwright.config import LogSettings
from sipwright.log_output import RECENT_ERRORS, configure_log


@pytest.fixture
def log():
    """The log as a switch writes it, and what was configured before."""
    before = structlog.get_config()
    RECENT_ERRORS.clear()
    configure_log(LogSettings())
    yield structlog.get_logger("sipwright.test")
    logging.getLogger("sqlalchemy.pool").setLevel(logging.NOTSET)
    structlog.configure(**before)
    RECENT_ERRORS.clear()


def test_an_error_that_is_kept_says_of_whom_it_is_why_and_what_to_do(log):
    log.warning("nothing to be kept", part="x")
    log.error("part is down", part="provider/admin/prov", why="no answer")
    log.error(
        "provider cannot be answered", provider="prov", error="cannot be decrypted", what_to_do="set it again"
    )
    log.error("switch stopped")

    assert [one["text"] for one in RECENT_ERRORS] == [
        "part is down (part provider/admin/prov): no answer",
        "provider cannot be answered (provider prov): cannot be decrypted; set it again",
        "switch stopped",
    ]


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_has_colours_unless_its_owner_wants_none(log, monkeypatch, capsys, variables, is_coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    configure_log(LogSettings())
    structlog.get_logger("sipwright.test").error("part is down")

    assert ("\x1b[" in capsys.readouterr().err) is is_coloured


@pytest.mark.parametrize(
    ("name", "is_heard"), [("sqlalchemy.pool.impl.AsyncAdaptedQueuePool", False), ("x", True)]
)
def test_a_connection_of_a_database_that_has_gone_is_no_traceback_of_its_own(
    capsys, log, monkeypatch, name, is_heard
):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest
    configure_log(LogSettings())
    RECENT_ERRORS.clear()
    try:
        raise BrokenPipeError("Broken pipe")
    except BrokenPipeError:
        logging.getLogger(name).error("Exception closing connection", exc_info=True)

    assert ("Broken pipe" in capsys.readouterr().err) is is_heard
    assert bool(RECENT_ERRORS) is is_heard
