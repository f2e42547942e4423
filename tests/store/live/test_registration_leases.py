"""Registrations in the database: who has claimed which, and whom the calls that they bring are for."""

from __future__ import annotations

import asyncio
import time

import pytest

from administering import Administering
from sipwright.store import (
    AccountChange,
    Administration,
    ProviderChange,
    ProviderSpec,
    RegistrationRow,
    Registrations,
    Store,
)

NOW = 1_763_640_000.0
LEASE, GRACE = 2_700.0, 60.0


@pytest.fixture
async def provider_ids(store: Store) -> list[int]:
    """Two providers that are to be registered with."""
    added = [
        await Administering(store).add_provider(ProviderSpec(name, "b.example", "u", "p", register=True))
        for name in ("one", "two")
    ]
    return [provider.id for provider in added]


@pytest.fixture
def records(store: Store) -> Registrations:
    return Registrations(store.database)


async def write(store: Store, *rows: RegistrationRow) -> None:
    for row in rows:
        store.writer.put("registration", row.provider_id, row)
    await store.writer.drain()


def row_of(provider_id: int, **changes: object) -> RegistrationRow:
    values = {
        "provider_id": provider_id, "node": "a", "state": "registered", "contact": "<sip:one.alice@192.0.2.1>",
        "call_id": "call-id", "cseq": 7, "expires_at": NOW + 3600, "status": 200, "reason": "OK", "updated_at": NOW,
    }  # fmt: skip
    return RegistrationRow(**{**values, **changes})


async def test_what_nobody_has_is_claimed_once(records, provider_ids):
    one, two = provider_ids

    first = await records.claim("a", [one], NOW, LEASE, GRACE)
    second = await records.claim("b", [one, two], NOW + 1, LEASE, GRACE)

    assert first == [RegistrationRow(one, "a", "registering", None, None, None, None, None, None, NOW)]
    assert [(row.provider_id, row.node) for row in second] == [(two, "b")]
    assert await records.load("a") == first
    assert await records.claimed_by_others("b") == first


async def test_two_nodes_that_claim_at_once_share(records, provider_ids):
    claims = await asyncio.gather(
        *(records.claim(node, provider_ids, NOW, LEASE, GRACE) for node in ("a", "b", "c"))
    )

    assert sorted(row.provider_id for claim in claims for row in claim) == provider_ids


@pytest.mark.parametrize(
    ("changes", "end", "state"),
    [
        ({}, NOW + 3600, "registering"),
        ({"state": "failed", "expires_at": None}, NOW + LEASE, "registering"),
        ({"state": "registering", "expires_at": None}, NOW + LEASE, "registering"),
        ({"node": None}, float("-inf"), "registered"),  # left to us as it is
        ({"expires_at": None}, float("-inf"), "registering"),
    ],
)
async def test_a_claim_holds_until_its_lease_is_over_and_a_while_longer(
    store, records, provider_ids, changes, end, state
):
    one = provider_ids[0]
    await write(store, row_of(one, **changes))

    if end > 0:
        assert await records.claim("b", [one], end + GRACE - 1, LEASE, GRACE) == []
    later = max(end, NOW) + GRACE + 1
    claimed = await records.claim("b", [one], later, LEASE, GRACE)

    assert [(row.node, row.state, row.call_id, row.cseq) for row in claimed] == [("b", state, "call-id", 7)]
    assert await records.claim("c", [one], later + LEASE, LEASE, GRACE) == []


async def test_a_node_may_always_claim_what_is_its_own(store, records, provider_ids):
    await write(store, row_of(provider_ids[0]))

    assert len(await records.claim("a", provider_ids, NOW, LEASE, GRACE)) == 2


async def test_what_belongs_to_no_provider_is_neither_claimed_nor_kept(store, records, provider_ids):
    await write(store, row_of(99), row_of(provider_ids[0]))

    assert await records.claim("a", [77], NOW, LEASE, GRACE) == []
    assert [row.provider_id for row in await records.load("a")] == provider_ids[:1]
    assert await records.claimed_by_others("b") == await records.load("a")


async def test_rows_are_written_over_and_deleted(store, records, provider_ids):
    one = provider_ids[0]
    await write(store, row_of(one, cseq=1, reason="caf\udce9"), row_of(one, cseq=2, reason="caf\udce9"))
    assert await records.load("a") == [row_of(one, cseq=2, reason="caf\udce9")]

    store.writer.put("registration", one, None)
    await store.writer.drain()

    assert await records.load("a") == []


# --- whether somebody takes the calls ---------------------------------------------------------------


async def test_nobody_takes_calls_until_there_is_an_account(store, records, provider_ids):
    why = "The owner has no enabled account in the default domain"
    assert await records.takers(provider_ids) == dict.fromkeys(provider_ids, why)

    await store.add_account("first", "p")

    assert await records.takers(provider_ids) == dict.fromkeys(provider_ids)
    assert await records.takers([77]) == {}


async def test_who_takes_them_is_noted_and_stays_so(store, records, provider_ids):
    """Neither an account that would have been preferred nor the end of this one moves the number."""
    first = await store.add_account("first", "p")
    await records.takers(provider_ids)
    await store.add_account("admin", "p")
    await records.takers(provider_ids)
    assert {one.account_id for one in await store.list_providers()} == {first.id}

    await store.remove_account("first", force=True)

    assert await records.takers(provider_ids) == dict.fromkeys(
        provider_ids, "Nobody takes its calls: who did is gone"
    )
    assert {one.account_id for one in await store.list_providers()} == {first.id}


async def test_a_disabled_account_takes_no_calls(store, records, provider_ids):
    await store.add_account("first", "p")
    await records.takers(provider_ids)
    await Administering(store).change_account("first", AccountChange(is_enabled=False))

    assert set((await records.takers(provider_ids)).values()) == {
        "The account that takes its calls is disabled"
    }


async def test_a_dialplan_takes_them_as_well(store, records, provider_ids):
    await store.set_dialplan(None, "reception", "respond(480)")
    for name in ("one", "two"):
        await Administering(store).change_provider(name, ProviderChange(in_plan="reception"))

    assert await records.takers(provider_ids) == dict.fromkeys(provider_ids)


async def chosen(store, records, provider_ids):
    """The names of the accounts that take the calls, now that the agent has asked."""
    await records.takers(provider_ids)
    accounts = {account.id: account.username for account in await store.list_accounts()}
    return {accounts.get(one.account_id) for one in await store.list_providers()}


async def test_calls_are_for_the_account_named_like_the_user_else_for_the_first(store, records, provider_ids):
    await store.add_account("front.desk", "p")
    await store.add_account("first", "p")
    await store.add_account("second", "p")
    assert await chosen(store, records, provider_ids[:1]) == {"first", None}

    await store.add_account("admin", "p")
    assert await chosen(store, records, provider_ids) == {"first", "admin"}


async def test_an_account_whose_name_has_a_dot_is_better_than_none(store, records, provider_ids):
    await store.add_account("front.desk", "p")

    assert await chosen(store, records, provider_ids) == {"front.desk"}


async def test_accounts_of_others_and_of_other_domains_do_not_count(store, records, provider_ids):
    """Nor does a disabled one."""
    await store.ensure_domains(["other.example"])
    await store.add_user("carol", "x")
    await store.add_account("carols", "p", user="carol")
    await store.add_account("admin", "p", domain="other.example")
    await store.add_account("off", "p")
    await Administering(store).change_account("off", AccountChange(is_enabled=False))

    assert await chosen(store, records, provider_ids) == {None}


# --- for people ------------------------------------------------------------------------------------


async def test_states_are_listed(store: Administration, provider_ids):
    now = time.time()
    one, two = provider_ids
    await write(
        store, row_of(one, expires_at=now + 60), row_of(two, expires_at=now - 1, status=503, reason="Busy")
    )

    assert await Administering(store).list_registrations() == {
        one: {"state": "registered", "registered_until": now + 60, "status": 200, "reason": "OK"},
        two: {"state": "expired", "registered_until": None, "status": 503, "reason": "Busy"},
    }
