"""Who may ask for what, beyond calling: the one table of it, and what counts for a domain or a provider instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ACTIONS", "DEFAULTS", "PARTIES", "USUAL", "Policy"]

PHONES, TRUNKS, STRANGERS = PARTIES = ("phones", "trunks", "strangers")
"""The phones of accounts here, providers, and anybody else."""

ACTIONS = {
    "refer": "have the switch call somebody else for them (REFER)",
    "redirect": "send a call that rings at them elsewhere (3xx)",
    "replace": "take the place of an end of a call that they know (Replaces)",
    "message": "send texts to accounts here (MESSAGE)",
    "subscribe": "watch accounts here (SUBSCRIBE)",
}
"""What is asked for, and what that means."""

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "refer": (PHONES,),
    "redirect": PARTIES,
    "replace": (PHONES,),
    "message": PARTIES,
    "subscribe": (PHONES,),
}
"""Who may what when nothing is said: what harms nobody, as far as it goes.

Whoever takes another's place has to know the names of that dialog, and a phone does so in calls of its own owner alone,
or where it may pick up; a phone watches whom it is allowed to, and has calls placed as its dialplan says.
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """The table: `rules` for all, those of a domain for what concerns its accounts, those of a provider for itself."""

    rules: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULTS)
    domains: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    providers: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    def allows(self, action: str, party: str, domain: str, provider: str | None = None) -> bool:
        """Return whether a party may do something that concerns accounts of a domain; a trunk is of a `provider`."""
        if provider is not None and (own := self.providers.get(provider)) is not None and action in own:
            return own[action]
        rules = self.domains.get(domain, {})
        return party in (rules[action] if action in rules else self.rules[action])

    def table(self) -> list[dict[str, object]]:
        """Return all of it in rows: for whom it counts, what is asked for, who may."""
        rows: list[dict[str, object]] = []
        for name, rules in (("", self.rules), *self.domains.items()):
            for action, parties in rules.items():
                allowed = {party: party in parties for party in PARTIES}
                rows.append({"domain": name or None, "provider": None, "action": action, **allowed})
        for name, own in self.providers.items():
            for action, is_allowed in own.items():
                rows.append(
                    {
                        "domain": None,
                        "provider": name,
                        "action": action,
                        PHONES: None,
                        TRUNKS: is_allowed,
                        STRANGERS: None,
                    }
                )
        return rows


USUAL = Policy()
"""Nothing is said."""
