"""On whose behalf a call runs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Identity"]


@dataclass(slots=True)
class Identity:
    """The account in its domain, its user, and the dialplan with its version.

    There is no account where a provider has brought a call that a dialplan decides about.
    """

    direction: str
    account_id: int | None
    user_id: int
    domain: str
    dialplan_id: int | None = None
    dialplan: str | None = None
    version: int | None = None
