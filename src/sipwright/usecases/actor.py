"""Who does something: a person with a role, by which face and from where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALL_SCOPES", "CALL", "READ", "WRITE", "Actor"]

READ, WRITE, CALL = "read", "write", "call"

ALL_SCOPES = frozenset({READ, WRITE, CALL})
"""What a token may be narrowed to; a person who has logged in has all of them."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A user who has proved who they are; `session` or `token` is what they have proved it with."""

    user_id: int
    name: str
    role: str
    face: str
    address: str | None = None
    scopes: frozenset[str] = ALL_SCOPES
    session: int | None = None
    token: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether they see and change what is anybody's."""
        return self.role == "admin"
