"""What computes a job as it is done without computing in place."""

from __future__ import annotations

import pytest

from sipwright.services.dialplan import Limits
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import FastBackend
from sipwright.services.dialplan.sandbox.library_backend import LibraryActivation
from sipwright.testing.workers import Turns

from .computing import AT


@pytest.fixture(scope="module")
def as_the_library(pool):
    return lambda job: LibraryActivation(Limits(), job, lambda: AT).run(pool)


@pytest.fixture(scope="module")
def worker():
    turns = Turns()
    backend = FastBackend(Limits(), loop=turns, tells=False)

    def compute(job):
        found = []
        backend.compute(job, found.append, lambda: found.append(None), lambda: AT)
        while not found:
            turns.take(3.0)
        return found[0]

    yield compute
    backend.close()
