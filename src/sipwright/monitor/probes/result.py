"""What a probe has found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Lost", "ProbeResult"]


class Lost(Exception):
    """A probe got no answer, or the wrong one; the text says why, in words."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A part that is up, with the milliseconds that it took to answer, or that was lost, with the reason."""

    part: str
    milliseconds: float | None
    reason: str | None = None

    @property
    def is_up(self) -> bool:
        """Whether it has answered."""
        return self.milliseconds is not None
