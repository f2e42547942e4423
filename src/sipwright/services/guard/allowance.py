"""What somebody may use, and what was used."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Allowance", "Scope", "Used"]

Scope = tuple[str, int]
"""Whose: ``user``, ``account`` or ``provider``, and its number."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What somebody may use; None is as much as they like. Money is in millionths."""

    calls_at_once: int | None = None
    calls_per_hour: int | None = None
    minutes_per_day: float | None = None
    money_per_day: int | None = None


@dataclass(slots=True)
class Used:
    """What was used in an hour, or in all."""

    calls: int = 0
    seconds: float = 0.0
    money: int = 0
