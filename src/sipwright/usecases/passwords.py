"""Passwords to log in with: hashed and compared in threads, a few at once, whoever they are of."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sipwright.store.admin.users import hash_password
from sipwright.store.errors import StoreError
from sipwright.store.schema.names import LONGEST_PASSWORD, password_text
from sipwright.usecases.errors import Invalid, Throttled, translated

__all__ = ["LEAST", "Passwords", "Verdict", "chosen"]

T = TypeVar("T")

AT_ONCE = 2
"""Passwords that are hashed at once: each takes 64 MB and a processor for 50 ms."""

WAITING = 40
"""Passwords that wait for that: two seconds' worth. Who comes then is told to come again."""

LEAST = 8
"""Letters of a password that somebody chooses for themselves."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right, and its hash of today's strength if it is kept as a weaker one."""

    is_right: bool
    fresh_hash: str | None = None


class Passwords:
    """Hashes passwords, and compares them with hashes."""

    def __init__(self, hasher: Callable[[str], str] = hash_password) -> None:
        self._hash = hasher
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a password.

        Raises:
            Invalid: It cannot be one.
        """
        with translated():
            password_text(password)
            return await self._run(partial(self._hash, password))

    async def compare(self, password: str, known: str | None) -> Verdict:
        """Compare a password with a hash; with none, or one that is none, it takes as long and is wrong."""
        return await self._run(partial(self._compare, password, known))

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= AT_ONCE + WAITING:
            raise Throttled("too many people log in at this moment; try again in a moment", 2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _compare(self, password: str, known: str | None) -> Verdict:
        from argon2 import PasswordHasher
        from argon2.exceptions import Argon2Error, InvalidHashError

        hasher = PasswordHasher()
        if self._nobodys is None:
            self._nobodys = self._hash(secrets.token_urlsafe())
        is_usable = known is not None and known.startswith("$argon2")
        try:
            plain = password_text(password[: LONGEST_PASSWORD + 1])
        except StoreError:
            plain, is_usable = "x", False
        stored = known if is_usable and known is not None else self._nobodys
        try:
            hasher.verify(stored, plain)
        except (Argon2Error, InvalidHashError):
            return Verdict(False)
        if not is_usable:
            return Verdict(False)
        is_weak = hasher.check_needs_rehash(stored)
        return Verdict(True, self._hash(password) if is_weak else None)


def chosen(password: str, name: str, field: str = "password") -> str:
    """Check a password that somebody chooses for themselves.

    Raises:
        Invalid: It is too short, too long, or the first that a stranger would try.
    """
    if len(password) < LEAST:
        raise Invalid.of(field, f"the password is too short; use at least {LEAST} letters")
    if len(set(password)) < 3 or password.casefold() == name.casefold():
        raise Invalid.of(field, "this is what a stranger tries first; choose another password")
    try:
        return password_text(password)
    except StoreError as error:
        raise Invalid.of(field, str(error)) from None
