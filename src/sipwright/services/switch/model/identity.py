"""On whose behalf a call runs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Identity"]


@dataclass(slots=True)
class Identity:
    """The account in its domain, its user, and the dialplan with its version."""

    direction: str
    account_id: int
    user_id: int
    domain: str
    dialplan_id: int | None = None
    dialplan: str | None = None
    version: int | None = None
