"""Whose leg an INVITE with Replaces or Join names."""

from __future__ import annotations

import pytest

from sipwright.services.edge.replaced import replaced_tags
from sipwright.sip import Request


@pytest.mark.parametrize(
    ("replaces", "tags"),
    [
        (None, []),
        ("c@x;to-tag=a-b7;from-tag=2", ["a-b7", "2"]),
        ("c@x ; From-Tag = 2;early-only; TO-TAG=a", ["a", "2"]),
        ("c@x", []),
    ],
)
@pytest.mark.parametrize("name", ["Replaces", "Join"])
def test_the_tags_of_the_dialog_are_found(name, replaces, tags):
    headers = [] if replaces is None else [(name, replaces)]

    assert replaced_tags(Request("INVITE", "sip:bob@x", headers)) == tags
