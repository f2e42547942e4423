"""``[dialplan]``: what scripts may use."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .values import Network, Section

if TYPE_CHECKING:
    from sipwright.services.dialplan import Limits

__all__ = ["DialplanSettings"]


class DialplanSettings(Section):
    """``[dialplan]``: the sandbox's workers, and what one run of a script and all runs of one user may use."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    seconds: Annotated[float, Field(gt=0)] = 2.0
    memory: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    dials: Annotated[int, Field(ge=1)] = 20
    total_seconds: Annotated[float, Field(gt=0)] = 300.0
    http_requests: Annotated[int, Field(ge=0)] = 10
    lookups: Annotated[int, Field(ge=0)] = 50
    store_calls: Annotated[int, Field(ge=0)] = 100
    sleeps: Annotated[int, Field(ge=0)] = 300
    emails: Annotated[int, Field(ge=0)] = 3
    messages: Annotated[int, Field(ge=0)] = 5
    callbacks: Annotated[int, Field(ge=0)] = 3
    recycle: Annotated[int, Field(ge=1)] = 10_000
    fast_path: bool = True
    user_runs: Annotated[int, Field(ge=1)] = 200
    user_runs_per_minute: Annotated[int, Field(ge=1)] = 600
    user_seconds_per_minute: Annotated[float, Field(gt=0)] = 60.0
    http_networks: list[Network] = []
    enum_zones: list[str] = ["e164.arpa"]

    def limits(self) -> Limits:
        """Return the budgets that each run has."""
        from sipwright.services.dialplan import Limits

        names = [part.name for part in fields(Limits) if part.name in type(self).model_fields]
        return Limits(**{name: getattr(self, name) for name in names})
