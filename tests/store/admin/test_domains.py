"""The domains that are served."""

from __future__ import annotations

import pytest

from administering import Administering
from sipwright.store import (
    Store,
    StoreError,
)


async def test_domains_are_added_changed_and_removed(store: Store):
    await store.ensure_domains(["Example.NET", "example.org", "2001:db8::1"])
    assert [domain.name for domain in await store.list_domains()] == [
        "example.org",
        "example.net",
        "2001:db8::1",
    ]
    changed = await Administering(store).change_domain("EXAMPLE.net", default=True, algorithm="sha-256")
    assert (changed.is_default, changed.digest_algorithm) == (True, "SHA-256")
    assert (await store.list_domains())[0].name == "example.net"

    await store.add_account("alice@example.org", "secret")
    for name, message in (
        ("example.org", "still has an account; remove that"),
        ("example.net", "is the default domain"),
        ("nowhere.example", "is not served here"),
    ):
        with pytest.raises(StoreError, match=message):
            await Administering(store).remove_domain(name)
    assert (await Administering(store).remove_domain("2001:db8::1")).name == "2001:db8::1"


@pytest.mark.parametrize("name", ["", "a b", "-x.example", "x..example", "a" * 254, "sip:example.org"])
async def test_a_name_that_is_no_domain_is_refused(store: Store, name: str):
    with pytest.raises(StoreError, match="cannot be a SIP domain"):
        await store.ensure_domains([name])
