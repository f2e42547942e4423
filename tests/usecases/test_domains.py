"""Domains, which are an admin's."""

import pytest

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.errors import Conflict, Forbidden, Invalid, NotFound


async def test_a_domain_is_added_changed_and_removed(usecases, admin):
    made = await usecases.domains.create(admin, "SIP.example.net", algorithm="sha-256")

    assert (made.domain, made.default, made.algorithm, made.accounts) == (
        "sip.example.net",
        False,
        "SHA-256",
        0,
    )
    page = await usecases.domains.list(admin, limit=1)
    assert [one.domain for one in page] == ["example.org"]
    assert [one.domain for one in await usecases.domains.list(admin, cursor=page.next)] == ["sip.example.net"]
    changed = await usecases.domains.change(admin, "sip.example.net", default=True, if_match=made.etag)
    assert changed.default
    with pytest.raises(Conflict):
        await usecases.domains.create(admin, "sip.example.net")
    with pytest.raises(Conflict):
        await usecases.domains.remove(admin, "sip.example.net")
    await usecases.domains.remove(admin, "example.org")
    with pytest.raises(NotFound):
        await usecases.domains.get(admin, "example.org")


async def test_one_with_accounts_stays(usecases, admin):
    await usecases.domains.create(admin, "example.net", default=True)
    await usecases.accounts.create(admin, AccountSpec("alice@example.org", "secret"))

    with pytest.raises(Conflict):
        await usecases.domains.remove(admin, "example.org")


async def test_what_is_no_domain_is_told_at_its_field(usecases, admin, carol):
    with pytest.raises(Invalid) as caught:
        await usecases.domains.create(admin, "a b")
    assert caught.value.fields[0].field == "domain"
    with pytest.raises(Forbidden):
        await usecases.domains.list(carol)
