"""Providers that nothing is sent to until their settings change: those that have refused us for good."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.ports import Provider

__all__ = ["WhyStopped", "nothing_stopped"]

WhyStopped = Callable[[Provider | None], str | None]
"""Returns why a provider is stopped, None when it is not."""


def nothing_stopped(provider: Provider | None) -> None:
    """Stop nobody."""
