"""The weekly look at providers whose profile is kept: what is due, what is said, what an outage changes."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import AsyncMock

import orjson
import pytest
from structlog.testing import capture_logs

from administering import Administering
from sipwright.node.profile_checks import WEEK, ProfileChecks
from sipwright.services.probing import Authentication, Probe, Profile, Reached
from sipwright.stack import Pipeline, Stack
from sipwright.store import ProviderSpec
from sipwright.store.admin import provider_profiles
from sipwright.transport.certificates import Certificates
from store.conftest import _add_admin, key_file  # noqa: F401

NOW = 2_000_000.0
PROFILE = Profile(
    "carrier.example", NOW - WEEK - 1, "carrier.example", register=True, transports={"udp": Reached("a", 200, "OK")},
    authentication=Authentication(401, ("r",), ("MD5",)),
)  # fmt: skip
CHANGED = replace(PROFILE, authentication=Authentication(401, ("r",), ("SHA-256",)))
SAID = ("it asks for SHA-256, not for MD5",)


@pytest.fixture
async def store(sqlite_url, key_file):  # noqa: F811
    from sipwright.store import Store

    opened = await Store.open(sqlite_url, key_file)
    await opened.ensure_domains(["example.org"])
    await opened.database.write(_add_admin)
    provider = await Administering(opened).add_provider(ProviderSpec("carrier", "carrier.example", "u", "p"))
    text = orjson.dumps(PROFILE.as_json()).decode()
    await opened.database.write(lambda c: provider_profiles.keep(c, provider.id, text, PROFILE.probed_at))
    await opened.catch_up()
    opened.found = lambda: opened.database.read(
        lambda c: provider_profiles.found(c, [provider.id])[provider.id]
    )
    yield opened
    await opened.close()


@pytest.fixture
def checks(store):
    return ProfileChecks(store, Stack([], Pipeline([])), Certificates(()), unix_time=lambda: NOW)


async def test_what_has_changed_is_stored_and_said_once(store, checks, monkeypatch):
    monkeypatch.setattr(Probe, "run", AsyncMock(return_value=CHANGED))
    with capture_logs() as logs:
        await checks.look()
    assert [(line["event"], line["changes"]) for line in logs] == [
        ("provider has changed since it was probed", list(SAID))
    ]
    assert (await store.found()).drift == SAID

    with capture_logs() as logs:
        await checks.look()  # it was looked at just now
        await store.database.write(lambda c: provider_profiles.checked(c, 1, 0.0, SAID))
        await checks.look()
    assert (logs, (await store.found()).checked_at) == ([], NOW)


async def test_a_provider_that_is_as_it_was_has_no_drift(store, checks, monkeypatch):
    monkeypatch.setattr(Probe, "run", AsyncMock(return_value=PROFILE))
    await checks.look()

    found = await store.found()
    assert (found.drift, found.checked_at) == ((), NOW)


async def test_an_outage_is_no_change_and_is_looked_at_tomorrow(store, checks, monkeypatch):
    away = replace(PROFILE, transports={"udp": Reached(fault="it says nothing")})
    monkeypatch.setattr(Probe, "run", AsyncMock(return_value=away))
    await checks.look()

    found = await store.found()
    assert (found.drift, found.checked_at) == ((), NOW - WEEK + 86_400.0)


async def test_a_profile_that_cannot_be_read_stops_nobody(store, checks):
    await store.database.write(lambda c: provider_profiles.keep(c, 1, "{}", 0.0))
    with capture_logs() as logs:
        await checks.look()

    assert [line["event"] for line in logs] == ["provider cannot be compared with its profile"]


async def test_a_provider_goes_with_its_profile(store):
    await Administering(store).remove_provider("carrier")

    assert await store.database.read(lambda c: provider_profiles.found(c, [1])) == {}
