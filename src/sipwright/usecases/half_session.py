"""A half session: what somebody holds whose password is right while they look for their code.

It is sealed with the key of the database, so that nobody can make or read one, and says for a few minutes who has
proved half of what is asked for. The password itself goes back to nobody.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from sipwright.store.crypto import KeyRing
from sipwright.store.errors import StoreError
from sipwright.usecases.issued import digest_of

__all__ = ["LIVES", "HalfSession"]

LIVES = 300.0
"""Seconds for which one is good: as long as it takes to find the phone with the app."""

_PLACE = "login:half"
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class HalfSession:
    """Who has given a right password, from where, and until when the code may follow.

    `password` is a hash of what the password is kept as: one that is changed meanwhile ends it.
    """

    name: str
    user_id: int
    network: str
    password: str
    until: float

    @classmethod
    def begin(
        cls, name: str, user_id: int, network: str, password_hash: str | None, now: float
    ) -> HalfSession:
        """Make one for somebody whose password is right."""
        return cls(name, user_id, network, digest_of(password_hash or ""), now + LIVES)

    def sealed(self, keys: KeyRing) -> str:
        """Return it as a form carries it."""
        said = [self.name, self.user_id, self.network, self.password, self.until]
        return base64.urlsafe_b64encode(keys.seal(json.dumps(said).encode(), _PLACE)).decode()

    @classmethod
    def opened(cls, text: str, keys: KeyRing, now: float) -> HalfSession | None:
        """Read one that a form has brought back; None for what is not ours, or too old."""
        if len(text) > _LONGEST:
            return None
        try:
            found = cls(*json.loads(keys.open(base64.urlsafe_b64decode(text), _PLACE)))
        except (StoreError, binascii.Error, ValueError, TypeError):
            return None
        return found if now < found.until else None

    def is_of(self, user_id: int, network: str, password_hash: str | None) -> bool:
        """Return whether it is of a user as they are kept now, and shown from where it was made."""
        same = (self.user_id, self.network, self.password)
        return user_id != 0 and same == (user_id, network, digest_of(password_hash or ""))
