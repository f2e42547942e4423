"""The administered half of the store, opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from administering import Administering
from sipwright.store import Administration, NotFoundError


async def test_without_an_admin_or_a_domain_init_is_asked_for(url: str, key_file: Path):
    store = await Administration.open(url, key_file, migrate=True)
    with pytest.raises(NotFoundError, match="run 'sipwright init'"):
        await Administering(store).find_user()
    with pytest.raises(NotFoundError, match="run 'sipwright init --domain D'"):
        await store.find_account("alice")
    await store.close()


def test_the_lazy_package_has_every_name_that_it_promises():
    import sipwright.store

    for name in sipwright.store.__all__:
        assert getattr(sipwright.store, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = sipwright.store.nothing
