"""The rows of the switchboard."""

from __future__ import annotations

import pytest

from sipwright.usecases.calls import CallView
from sipwright.web.pages.board_rows import call_row


def call(state, *, held):
    return CallView(
        id="1", call="1", node="n", user="alice", account="alice@sip.test", direction="out", state=state, held=held,
        from_="sip:alice@sip.test", to="sip:bob@sip.test", answered_by=None, provider=None, started_at=1.0,
        answered_at=None, dialplan=None, version=None, line=None, text=None,
        legs=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "held", "shown", "kind"),
    [
        ("setting up", False, "setting up", "ringing"),
        ("ringing", False, "ringing", "ringing"),
        ("talking", False, "talking", "talking"),
        ("talking", True, "held", "held"),
        ("ending", True, "ending", "ended"),
    ],
)
def test_a_row_says_how_a_call_stands(state, held, shown, kind):
    row = call_row(call(state, held=held))

    assert (row["state"], row["kind"]) == (shown, kind)
