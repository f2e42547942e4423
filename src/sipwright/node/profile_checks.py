"""Looking at providers again whose profile is kept, once a week, and saying what has changed since.

A provider that turns another algorithm on, or lets its certificate lapse, tells nobody; it is better known before the
first call fails. Nothing is registered for it, and an outage is no change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from sipwright.errors import UserError
from sipwright.services.ports import ProviderView
from sipwright.services.probing import Credentials, Probe, Profile, ProfileError, drift, read_profile
from sipwright.sip import ParseError
from sipwright.stack import Stack
from sipwright.store import Store, StoreError
from sipwright.store.admin import provider_profiles
from sipwright.store.admin.provider_profiles import StoredProfile
from sipwright.transport import Address
from sipwright.transport.certificates import Certificates

__all__ = ["ProfileChecks"]

log = structlog.get_logger(__name__)

WEEK = 7 * 86_400.0
LOOK_EVERY = 600.0
"""Seconds between two looks for profiles that are due."""

MOST_AT_ONCE = 10
"""Profiles that are taken up by one such look; each takes up to a minute."""


class ProfileChecks:
    """The weekly look at providers, of one node."""

    def __init__(
        self, store: Store, stack: Stack, certificates: Certificates, *, unix_time: Callable[[], float],
        dns: Address | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._stack = stack
        self._certificates = certificates
        self._unix_time = unix_time
        self._dns = dns

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except (StoreError, OSError) as error:
                log.warning("profiles of providers are not looked at now", error=str(error))

    async def look(self) -> None:
        """Check the profiles that are due."""
        now = self._unix_time()
        due: Sequence[StoredProfile] = await self._store.database.write(
            lambda c: provider_profiles.claim_due(c, now - WEEK, now, MOST_AT_ONCE)
        )
        for stored in due:
            provider = self._store.directory.provider_by_id(stored.provider_id)
            if provider is not None and provider.is_enabled:
                await self._check(provider, stored)

    async def _check(self, provider: ProviderView, stored: StoredProfile) -> None:
        try:
            before = read_profile(stored.profile)
            after = await self._probe(provider, before)
        except (ProfileError, ParseError, UserError) as error:
            log.warning(
                "provider cannot be compared with its profile", provider=provider.name, error=str(error)
            )
            return
        # What cannot be reached now is tried again tomorrow: an outage is seen elsewhere, and is no change.
        checked_at = self._unix_time() - (0.0 if after.is_reached else WEEK - 86_400.0)
        found = drift(before, after) if after.is_reached else list(stored.drift)
        if set(found) - set(stored.drift):
            log.warning("provider has changed since it was probed", provider=provider.name, changes=found)
        await self._store.database.write(
            lambda c: provider_profiles.checked(c, stored.provider_id, checked_at, found)
        )

    async def _probe(self, provider: ProviderView, before: Profile) -> Profile:
        credentials, outbound = None, self._stack.outbound
        if provider.username:
            credentials = Credentials(provider.username, provider.password, provider.auth_username)
        return await Probe(
            before.host, resolver=outbound.resolver, certificates=self._certificates, credentials=credentials,
            dns=self._dns, registers=False, unix_time=self._unix_time,
            refuses=lambda target: outbound.refuses(target, before.host),
        ).run()  # fmt: skip
