"""The lock that says whether a worker lives."""

import os

import pytest

from sipwright import worker_lock
from sipwright.worker_lock import is_free, lock_worker


def test_a_worker_is_known_to_live(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_lock, "PAUSE", 0.0)
    handle = lock_worker(tmp_path, 2)

    assert (is_free(tmp_path, 1), is_free(tmp_path, 2)) == (True, False)
    with pytest.raises(BlockingIOError):
        lock_worker(tmp_path, 2)
    os.close(handle)
    assert is_free(tmp_path, 2)
