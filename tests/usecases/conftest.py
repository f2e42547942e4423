"""Use cases to test with, on the stores of ``tests/store``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from sipwright.config import Settings
from sipwright.control.client import SwitchAway, SwitchClient
from sipwright.store import Administration
from sipwright.store.admin import users
from sipwright.usecases import Actor, UseCases
from store.conftest import *  # noqa: F403 (the fixtures of the store)


class PretendedSwitch(SwitchClient):
    """A switch that notes what it is asked for; what is not in `answers` it does not answer."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.published: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {"changes.apply": None}

    async def request(self, name: str, /, **arguments: Any) -> Any:
        if name == "events.publish":
            self.published.append(arguments)
            return {}
        self.asked.append((name, arguments))
        if name not in self.answers:
            raise SwitchAway("no switch runs")
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def switch() -> PretendedSwitch:
    return PretendedSwitch()


@pytest.fixture
async def usecases(url: str, key_file: Path, switch: PretendedSwitch) -> AsyncIterator[UseCases]:
    """Use cases with a domain, an admin and two users, on each database in turn."""
    administration = await Administration.open(url, key_file, migrate=True)
    await administration.ensure_domains(["example.org"])
    await administration.database.write(_add_people)
    yield UseCases(administration, Settings().moved_to(key_file.parent), switch)
    await administration.close()


def _add_people(connection: Connection) -> None:
    # Hashing a password takes 50 ms, and most tests need none.
    users.add(connection, "admin", "no hash", "admin")
    users.add(connection, "carol", "no hash")
    users.add(connection, "dave", "no hash")


@pytest.fixture
def admin() -> Actor:
    return Actor(1, "admin", "admin", "rest")


@pytest.fixture
def carol() -> Actor:
    return Actor(2, "carol", "user", "rest")


@pytest.fixture
def dave() -> Actor:
    return Actor(3, "dave", "user", "rest")
