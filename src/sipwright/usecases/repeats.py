"""Keys of requests that may be sent twice, and are to be done once (`Idempotency-Key`)."""

from __future__ import annotations

from sipwright.usecases.errors import Invalid

__all__ = ["key_of"]

_LONGEST_KEY = 200


def key_of(text: str) -> str:
    """Return a key.

    Raises:
        Invalid: It is empty, too long, or has what nobody sees.
    """
    if not text.strip() or len(text) > _LONGEST_KEY or not text.isprintable():
        raise Invalid.of("Idempotency-Key", f"a key has 1 to {_LONGEST_KEY} characters")
    return text
