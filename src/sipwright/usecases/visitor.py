"""Visitors: who comes to a face and has yet to prove who they are."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.transport.networks import network_of

__all__ = ["Visitor"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person at a face: from where they come, and with what program."""

    face: str
    address: str | None = None
    user_agent: str | None = None

    @property
    def network(self) -> str:
        """What their tries are counted for."""
        return network_of(self.address) if self.address else "here"
