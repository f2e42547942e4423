"""Providers: what is kept of them, and the sentences that refuse."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from administering import Administering
from sipwright.store import (
    AccountSpec,
    NotFoundError,
    ProviderChange,
    ProviderSpec,
    Store,
    StoreError,
)
from sipwright.store.schema import tables
from store.looks import stored


async def test_a_provider_password_is_encrypted_and_comes_back(store: Store):
    added = await Administering(store).add_provider(
        ProviderSpec("BlueFace", "sip.b.example:5062", "u", "pä55", register=True, realm="b")
    )
    found = await Administering(store).find_provider("blueFACE")
    assert found == added
    assert (found.name, found.password, found.register, found.realm) == ("blueface", "pä55", True, "b")
    ((sealed,),) = await stored(store, select(tables.providers.c.password))
    assert "pä55".encode() not in bytes(sealed)

    assert [one.name for one in await store.list_providers()] == ["blueface"]
    await Administering(store).remove_provider("blueface")
    assert await store.list_providers() == []


async def test_what_is_given_of_a_provider_changes_and_nothing_else(store: Store):
    """An empty text takes away what may be missing."""
    spec = ProviderSpec("b", "s", "u", "p", auth_username="a", realm="r", outbound_proxy="sip:proxy.example")
    before = await Administering(store).add_provider(spec)
    change = ProviderChange(password="new", realm="", outbound_proxy="", is_enabled=False)
    changed = await Administering(store).change_provider("b", change)

    assert changed.password == "new"
    assert (changed.realm, changed.outbound_proxy, changed.is_enabled) == (None, None, False)
    assert (changed.server, changed.username, changed.auth_username) == ("s", "u", "a")
    assert await Administering(store).change_provider("b", ProviderChange()) == changed
    assert (before.name, before.id) == (changed.name, changed.id)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ProviderChange(server=""), "cannot be the provider's server"),
        (ProviderChange(username=""), "cannot be the provider's username"),
        (ProviderChange(outbound_proxy="a b"), "cannot be the provider's proxy"),
        (ProviderChange(password=""), "the password is empty"),
    ],
)
async def test_a_provider_that_cannot_be_changed_says_why(store: Store, change: ProviderChange, message: str):
    before = await Administering(store).add_provider(ProviderSpec("b", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await Administering(store).change_provider("b", change)
    assert await Administering(store).find_provider("b") == before


@pytest.mark.parametrize(
    ("name", "server", "message"),
    [
        ("local", "s", "means this switch"),
        ("a.b", "s", "is a host in dial strings"),
        ("a b", "s", "cannot be a provider name"),
        ("blueface", "s", "has a provider 'blueface' already"),
        ("other", "s t", "cannot be the provider's server"),
        ("other", "", "cannot be the provider's server"),
    ],
)
async def test_a_provider_that_cannot_be_added_says_why(store: Store, name: str, server: str, message: str):
    await Administering(store).add_provider(ProviderSpec("blueface", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await Administering(store).add_provider(ProviderSpec(name, server, "u", "p"))
    with pytest.raises(NotFoundError, match="'sipwright provider list'"):
        await Administering(store).find_provider("other")


# --- calls in ----------------------------------------------------------------------------------------


@pytest.fixture
async def office(store: Store):
    """A store with accounts of two users, and a dialplan."""
    await store.add_user("carol", "x")
    await store.add_account("101", "p")
    await store.add_account("102", "p")
    await store.add_account("201", "p", user="carol")
    await store.set_dialplan(None, "reception", "respond(480)")
    return store


async def test_calls_go_to_an_account_or_to_a_dialplan(office: Store):
    """The one takes the place of the other; '-' takes both away."""
    account, plan = await office.find_account("102"), await Administering(office).find_dialplan("reception")
    added = await Administering(office).add_provider(ProviderSpec("b", "s", "u", "p", account="102"))
    assert (added.account_id, added.is_account_chosen, added.in_plan) == (account.id, True, None)

    changed = await Administering(office).change_provider("b", ProviderChange(in_plan="reception"))
    assert (changed.account_id, changed.is_account_chosen, changed.in_plan) == (None, False, plan.id)
    changed = await Administering(office).change_provider("b", ProviderChange(account="102", in_plan="-"))
    assert (changed.account_id, changed.in_plan) == (account.id, None)
    changed = await Administering(office).change_provider("b", ProviderChange(account="-"))
    assert (changed.account_id, changed.is_account_chosen, changed.in_plan) == (None, False, None)


async def test_where_nobody_is_chosen_the_first_account_is_noted_when_it_registers(office: Store):
    first = await office.find_account("101")
    plain = await Administering(office).add_provider(ProviderSpec("plain", "s", "u", "p"))
    registers = await Administering(office).add_provider(
        ProviderSpec("registers", "s", "u", "p", register=True)
    )
    later = await Administering(office).change_provider("plain", ProviderChange(register=True))

    assert plain.account_id is None
    assert (registers.account_id, registers.is_account_chosen) == (first.id, False)
    assert later.account_id == first.id


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ProviderSpec("b", "s", "u", "p", account="101", in_plan="reception"), "not both"),
        (ProviderSpec("b", "s", "u", "p", account="999"), "there is no account 999"),
        (ProviderSpec("b", "s", "u", "p", account="201"), "belongs to another user"),
        (ProviderSpec("b", "s", "u", "p", in_plan="nosuch"), "has no dialplan 'nosuch'"),
        (ProviderSpec("b", "s", "u", "p", number_in="from"), "use one of auto, uri, to, pcpid"),
        (ProviderSpec("b", "s", "", "p"), "a password without a user name"),
        (ProviderSpec("b", "s", register=True), "a registration needs a user name"),
        (ProviderSpec("b", "s", networks=("203.0.113.1/29",)), "did you mean 203.0.113.0/29"),
        (ProviderSpec("b", "s", networks=("carrier.example",)), "is not a network"),
        (ProviderSpec("b", "s", networks=("0.0.0.0/0",)), "too much of the Internet"),
        (ProviderSpec("b", "s", networks=("2000::/3",)), "too much of the Internet"),
    ],
)
async def test_what_makes_no_sense_for_calls_in_says_why(office: Store, spec: ProviderSpec, message: str):
    with pytest.raises(StoreError, match=message):
        await Administering(office).add_provider(spec)
    assert await office.list_providers() == []


async def test_a_trunk_has_neither_user_name_nor_password(office: Store):
    added = await Administering(office).add_provider(
        ProviderSpec("b", "s", networks=("203.0.113.0/29", "2001:db8::/64", "203.0.113.9", "203.0.113.9/32"))
    )
    assert (added.username, added.password) == ("", "")
    assert added.networks == ("203.0.113.0/29", "2001:db8::/64", "203.0.113.9/32")

    changed = await Administering(office).change_provider("b", ProviderChange(networks=()))
    assert changed.networks == ()
    with pytest.raises(StoreError, match="give the one of that name as well"):
        await Administering(office).change_provider("b", ProviderChange(username="u"))
    with pytest.raises(StoreError, match="a password without a user name"):
        await Administering(office).change_provider("b", ProviderChange(password="p"))
    with pytest.raises(StoreError, match="a registration needs a user name"):
        await Administering(office).change_provider("b", ProviderChange(register=True))
    changed = await Administering(office).change_provider(
        "b", ProviderChange(username="u", password="p", register=True)
    )
    assert (changed.username, changed.password) == ("u", "p")


async def test_a_network_is_one_users(office: Store):
    """Of two trunks of one user it does not matter which of them a call comes from."""
    await Administering(office).add_provider(ProviderSpec("b", "s", networks=("203.0.113.0/29",)))
    await Administering(office).add_provider(ProviderSpec("c", "s", networks=("203.0.113.0/24",)))
    said = "203.0.113.4/30 overlaps 203.0.113.0/29, from where the provider 'b' of 'admin' calls"

    with pytest.raises(StoreError, match=said):
        await Administering(office).add_provider(
            ProviderSpec("d", "s", networks=("203.0.113.4/30",)), user="carol"
        )
    await Administering(office).add_provider(
        ProviderSpec("d", "s", networks=("203.0.114.0/24", "2001:db8::/64")), user="carol"
    )
    with pytest.raises(StoreError, match="overlaps"):
        await Administering(office).change_provider(
            "d", ProviderChange(networks=("203.0.113.0/28",)), user="carol"
        )


async def test_numbers_have_takers_of_their_own(office: Store):
    await Administering(office).add_provider(ProviderSpec("b", "s", networks=("203.0.113.0/29",)))
    account, plan = await office.find_account("102"), await Administering(office).find_dialplan("reception")
    await Administering(office).add_provider_number("b", "+353 (1) 555-010X", "102", None)
    found = await Administering(office).add_provider_number("b", "+35315550100", None, "reception")
    numbers = [(one.pattern, one.account_id, one.in_plan) for one in found.numbers]
    assert numbers == [("+35315550100", None, plan.id), ("+3531555010x", account.id, None)]

    found = await Administering(office).add_provider_number("b", "+35315550100", "101", None)
    assert [one.in_plan for one in found.numbers] == [None, None]
    found = await Administering(office).remove_provider_number("b", "+3531555010x")
    assert [one.pattern for one in found.numbers] == ["+35315550100"]
    assert await office.list_providers() == [found]
    for pattern, account_name, message in (
        ("+353", None, "name an account, or a dialplan"), ("a b", "101", "is not a number or a pattern"),
        ("+353", "201", "belongs to another user"),
    ):  # fmt: skip
        with pytest.raises(StoreError, match=message):
            await Administering(office).add_provider_number("b", pattern, account_name, None)
    with pytest.raises(NotFoundError, match="has no number"):
        await Administering(office).remove_provider_number("b", "+353")
    await Administering(office).remove_provider("b")
    assert await stored(office, select(tables.provider_numbers.c.pattern)) == []


async def test_a_number_has_one_taker_however_it_is_written(office: Store):
    await Administering(office).add_provider(ProviderSpec("b", "s", networks=("203.0.113.0/29",)))
    await Administering(office).add_provider_number("b", "+35315550100", "101", None)
    await Administering(office).add_provider_number("b", "+3531555010x", "101", None)

    found = await Administering(office).add_provider_number("b", "0035315550100", "102", None)
    assert [one.pattern for one in found.numbers] == ["+3531555010x", "0035315550100"]
    found = await Administering(office).remove_provider_number("b", "35315550100")
    assert [one.pattern for one in found.numbers] == ["+3531555010x"]


async def test_what_takes_calls_is_not_removed_by_mistake(office: Store):
    await Administering(office).add_provider(ProviderSpec("b", "s", "u", "p", register=True))
    await Administering(office).add_provider(ProviderSpec("c", "s", "u", "p", in_plan="reception"))
    await Administering(office).add_provider_number("c", "+353", "102", None)

    with pytest.raises(StoreError, match="'sipwright provider set b --account NAME'") as refused:
        await office.remove_account("101")
    assert "account 101@example.org takes the calls of provider 'b'" in str(refused.value)
    assert "--force" in str(refused.value)
    with pytest.raises(StoreError, match=r"the calls to \+353 of provider 'c'"):
        await office.remove_account("102")
    with pytest.raises(StoreError, match="provider 'c' runs dialplan 'reception'"):
        await office.remove_dialplan("reception")
    with pytest.raises(StoreError, match="line 3: '101' takes the calls of provider 'b'"):
        await office.import_accounts([AccountSpec("101", "p", "carol", line=3)])
    await office.import_accounts([AccountSpec("101", "new", line=3)])
    await office.remove_account("101", force=True)
    await office.remove_account("201")
