"""A folder with one account, and the switch that is to have a bad night with it."""

import pytest

from nights.night import Night


@pytest.fixture
def begin(tmp_path):
    """Make a folder, here or where a test says, and a switch that is not started yet."""
    made = []

    def make(folder=None, **environment):
        night = Night(folder or tmp_path / "data", tmp_path / "log", **environment)
        made.append(night)
        night.command("init", "--domain", "example.org", "--password", "admin-password")
        night.command("account", "add", "alice", "--password", "secret")
        return night

    yield make
    for night in made:
        night.close()
