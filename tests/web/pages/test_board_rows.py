"""The rows of the switchboard."""

from __future__ import annotations

import pytest

from sipwright.usecases.calls import CallView, LegView
from sipwright.web.pages.board_rows import call_row


def call(state, *legs):
    return CallView(
        id="1", call="1", node="n", user="alice", account="alice@sip.test", direction="out", state=state,
        from_="sip:alice@sip.test", to="sip:bob@sip.test", answered_by=None, provider=None, started_at=1.0,
        answered_at=None, dialplan=None, version=None, line=None, text=None,
        legs=tuple(
            LegView(index, "bob", leg, None, None, 1.0, None) for index, leg in enumerate(("calling", *legs))
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "legs", "shown"),
    [
        ("setting up", (), "setting up"),
        ("setting up", ("calling", "waiting"), "setting up"),
        ("setting up", ("ended", "ringing"), "ringing"),
        ("talking", ("answered", "ringing"), "talking"),
        ("ending", ("ringing",), "ending"),
    ],
)
def test_a_call_rings_as_soon_as_somebody_rings(state, legs, shown):
    assert call_row(call(state, *legs))["state"] == shown
