"""What happens in a switch, as one kind of value for all faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `user` and `call` say whose it is, and `data` carries names that a person reads."""

    id: str
    type: str
    at: float
    node: str
    user: str | None
    call: str | None
    data: Mapping[str, Any]
