"""The golden files of every release."""

from __future__ import annotations

from pathlib import Path

import pytest

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/README.md"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request) -> Path:
    """The folder of a release."""
    return request.param
