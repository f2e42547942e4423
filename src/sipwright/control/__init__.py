"""How other processes talk to a running switch: what they ask it for, and the events that it tells of."""

from __future__ import annotations

__all__: list[str] = []
