"""What a provider takes for a call: by the longest prefix of the number, in millionths of whatever it is paid in."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import NamedTuple

__all__ = ["MICROS", "Price", "Rates", "amount", "money"]

MICROS = 1_000_000
_LONGEST = 15


class Price(NamedTuple):
    """What a minute costs, each that has begun, and what the connection does."""

    per_minute: int
    connection: int

    def of(self, seconds: float) -> int:
        """Return what so many seconds of talk cost."""
        return self.connection + self.per_minute * ceil(seconds / 60.0)


class Rates:
    """The table of one provider; what is in it under no prefix costs as much as the dearest."""

    __slots__ = ("_dearest", "_prices")

    def __init__(self, rows: Iterable[tuple[str, int, int]]) -> None:
        self._prices = {prefix: Price(per_minute, connection) for prefix, per_minute, connection in rows}
        self._dearest = max(self._prices.values(), default=Price(0, 0))

    def __len__(self) -> int:
        return len(self._prices)

    def price(self, digits: str) -> Price:
        """Return what a call to a number costs that is given with its country code."""
        prices = self._prices
        for length in range(min(len(digits), _LONGEST), -1, -1):
            found = prices.get(digits[:length])
            if found is not None:
                return found
        return self._dearest


def amount(text: str) -> int:
    """Read an amount such as ``0.05``.

    Raises:
        ValueError: It is none.
    """
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text[:30]!r} is not an amount; write one such as 0.05") from None
    if not value.is_finite() or not 0 <= value <= 1_000_000:
        raise ValueError(f"{text[:30]!r} is not an amount between 0 and 1000000")
    return ceil(value * MICROS)


def money(micros: int) -> str:
    """Write an amount: at least two places behind the point, and no more than it has."""
    whole, rest = divmod(micros, MICROS)
    places = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{places}"
