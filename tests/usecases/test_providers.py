"""Providers, as people see, change and test them."""

import pytest

from sipwright.store.admin.specs import AccountSpec, ProviderChange, ProviderSpec
from sipwright.usecases.errors import Changed, Invalid, NotFound, Unavailable

SPEC = ProviderSpec("blueface", "sip.blueface.example", "353", "secret")


async def test_a_provider_is_made_shown_changed_and_removed(usecases, carol):
    made = await usecases.providers.create(carol, SPEC)

    assert (made.provider, made.user, made.server, made.username) == (
        "blueface", "carol", "sip.blueface.example", "353",
    )  # fmt: skip
    assert await usecases.providers.get(carol, "Blueface") == made
    changed = await usecases.providers.change(
        carol, "blueface", ProviderChange(longest_call=60.0), if_match=made.etag
    )
    assert changed.longest_call == 60.0
    with pytest.raises(Changed):
        await usecases.providers.remove(carol, "blueface", if_match=made.etag)
    assert [one.provider for one in await usecases.providers.list(carol, q="face")] == ["blueface"]
    await usecases.providers.remove(carol, "blueface")
    with pytest.raises(NotFound):
        await usecases.providers.get(carol, "blueface")


async def test_an_admin_finds_the_one_there_is_of_that_name(usecases, admin, carol, dave):
    await usecases.providers.create(carol, SPEC)

    assert (await usecases.providers.get(admin, "blueface")).user == "carol"
    await usecases.providers.create(dave, SPEC)
    with pytest.raises(Invalid) as caught:
        await usecases.providers.get(admin, "blueface")
    assert caught.value.fields[0].field == "user"
    assert (await usecases.providers.get(admin, "blueface", user="dave")).user == "dave"
    await usecases.providers.create(admin, SPEC)
    assert (await usecases.providers.get(admin, "blueface")).user == "admin"
    assert [one.user for one in await usecases.providers.list(admin)] == ["carol", "dave", "admin"]


async def test_what_is_anothers_is_as_if_it_were_not_there(usecases, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    await usecases.providers.create(carol, SPEC)

    for work in (
        usecases.providers.get(dave, "blueface"),
        usecases.providers.change(dave, "blueface", ProviderChange(longest_call=1.0)),
        usecases.providers.remove(dave, "blueface"),
        usecases.providers.test(dave, "blueface"),
        usecases.providers.get(dave, "blueface", user="carol"),
    ):
        with pytest.raises(NotFound):
            await work
    said = []
    for account in ("alice", "nobody"):
        spec = ProviderSpec("other", "sip.example.net", "1", "secret", account=account)
        with pytest.raises(Invalid) as caught:
            await usecases.providers.create(dave, spec)
        said.append(str(caught.value).replace(account, "NAME"))
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3:5070",
        "[::1]",
        "localhost",
        "db",
        "x.internal",
        "127.1",
        "a.example;maddr=10.1.2.3",
    ],
)
async def test_only_an_admin_leads_into_our_own_network(usecases, admin, carol, host):
    spec = ProviderSpec("inside", host, "1", "secret")

    with pytest.raises(Invalid) as caught:
        await usecases.providers.create(carol, spec)
    assert caught.value.fields[0].field == "server"
    await usecases.providers.create(admin, spec)


async def test_nobody_is_told_whose_a_network_is(usecases, admin, carol):
    trunk = ProviderSpec("trunk", "203.0.113.1", networks=("203.0.113.0/29",))
    await usecases.providers.create(admin, trunk)

    with pytest.raises(Invalid) as caught:
        await usecases.providers.create(carol, trunk)
    assert "admin'" not in str(caught.value)
    assert caught.value.fields[0].field == "networks"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (ProviderSpec("a.b", "sip.example.net", "1", "secret"), "name"),
        (ProviderSpec("one", "a b", "1", "secret"), "server"),
        (ProviderSpec("one", "sip.example.net", "1", "secret", outbound_proxy="<x>"), "outbound_proxy"),
        (ProviderSpec("one", "sip.example.net", "1", "secret", number_in="body"), "number_in"),
        (ProviderSpec("one", "sip.example.net", "1", "secret", in_plan="gone"), "in_plan"),
        (ProviderSpec("one", "sip.example.net", networks=("10/8",)), "networks"),
        (ProviderSpec("one", "sip.example.net", "", "secret"), "username"),
    ],
)
async def test_what_is_wrong_is_told_at_its_field(usecases, admin, spec, field):
    with pytest.raises(Invalid) as caught:
        await usecases.providers.create(admin, spec)

    assert [one.field for one in caught.value.fields] == [field]


async def test_the_switch_tests_a_provider_now(usecases, switch, carol):
    await usecases.providers.create(carol, SPEC)
    switch.answers["providers.test"] = {
        "status": 401,
        "reason": "Unauthorized",
        "exchange": "-> udp 192.0.2.1:5060\nOPTIONS sip:x SIP/2.0\n\n<- udp 192.0.2.1:5060\nSIP/2.0 401 Unauthorized\n",
    }

    assert await usecases.providers.last_test(carol, "blueface") is None
    tested = await usecases.providers.test(carol, "blueface")
    assert (tested.ok, tested.method, tested.status, tested.reason) == (False, "OPTIONS", 401, "Unauthorized")
    assert (await usecases.providers.last_test(carol, "blueface")).test == tested
    assert ("providers.test", {"provider_id": 1, "method": "OPTIONS"}) in switch.asked
    assert [(one.is_to_provider, one.label) for one in tested.exchange] == [
        (True, "OPTIONS sip:x SIP/2.0"),
        (False, "SIP/2.0 401 Unauthorized"),
    ]
    with pytest.raises(Invalid):
        await usecases.providers.test(carol, "blueface", method="INVITE")
    del switch.answers["providers.test"]
    with pytest.raises(Unavailable):
        await usecases.providers.test(carol, "blueface", method="register")
