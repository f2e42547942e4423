"""The root of the errors that are explained to a person rather than traced."""

from __future__ import annotations

__all__ = ["UserError"]


class UserError(Exception):
    """Say in one line what is wrong and what to do about it; the command line prints exactly that."""
