"""The store of a running node."""

from __future__ import annotations

import pytest


def test_other_databases_than_those_two_have_no_committer():
    from sipwright.store.live.live_store import _committer

    with pytest.raises(AssertionError):
        _committer(object(), "normal")  # type: ignore[arg-type]
