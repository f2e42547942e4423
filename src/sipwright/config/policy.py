"""``[policy]``: who may ask for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .values import Section

if TYPE_CHECKING:
    from sipwright.services.policy import Policy

__all__ = ["DomainPolicySettings", "PolicySettings", "ProviderPolicySettings"]


_Parties = list[Literal["phones", "trunks", "strangers"]]


class ProviderPolicySettings(Section):
    """``[policy.providers.NAME]``: what a provider may ask for, where that differs."""

    refer: bool | None = None
    redirect: bool | None = None
    replace: bool | None = None
    message: bool | None = None


class DomainPolicySettings(Section):
    """``[policy.domains."NAME"]``: who may ask for what of the accounts of a domain, where that differs."""

    refer: _Parties | None = None
    redirect: _Parties | None = None
    replace: _Parties | None = None
    message: _Parties | None = None
    subscribe: list[Literal["phones"]] | None = None


class PolicySettings(Section):
    """``[policy]``: who may ask for what, beyond calling; `sipwright policy` shows it."""

    refer: _Parties = ["phones"]
    redirect: _Parties = ["phones", "trunks", "strangers"]
    replace: _Parties = ["phones"]
    message: _Parties = ["phones", "trunks", "strangers"]
    subscribe: list[Literal["phones"]] = ["phones"]
    domains: dict[str, DomainPolicySettings] = {}
    providers: dict[str, ProviderPolicySettings] = {}

    def as_policy(self) -> Policy:
        """Return the table."""
        from sipwright.services.policy import ACTIONS, Policy

        domains = {name: own.model_dump(exclude_none=True) for name, own in self.domains.items()}
        providers = {name: own.model_dump(exclude_none=True) for name, own in self.providers.items()}
        return Policy({name: tuple(getattr(self, name)) for name in ACTIONS}, domains, providers)
