"""Lists that are given a page at a time, in the order of a key: the place to go on is named in a cursor."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sipwright.usecases.errors import Invalid

__all__ = ["MOST", "USUAL", "Page", "checked_limit", "cursor_of", "everything", "paged", "place_of"]

T = TypeVar("T", covariant=True)
R = TypeVar("R")
V = TypeVar("V")

USUAL = 50
"""How many there are on a page, unless somebody says so."""

MOST = 1_000
"""How many there are at most: no page holds up the others."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some things of a list; `next` is the cursor of the next page, None on the last."""

    items: tuple[T, ...]
    next: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def checked_limit(limit: int) -> int:
    """Return how many are wanted.

    Raises:
        Invalid: That is none, or too many.
    """
    if not 1 <= limit <= MOST:
        raise Invalid.of("limit", f"limit is between 1 and {MOST}, not {limit}")
    return limit


def paged(
    name: str,
    limit: int,
    read: Callable[[int], Sequence[R]],
    key: Callable[[R], tuple[Any, ...]],
    view: Callable[[R], V],
) -> Page[V]:
    """Read one row more than a page has, to see whether there is another page.

    Args:
        name: Of the list, which its cursors are of.
        limit: How many are wanted.
        read: Reads at most so many rows, from the place where the page begins.
        key: Returns the key of a row.
        view: Returns what is shown of a row.
    """
    rows = read(checked_limit(limit) + 1)
    more = cursor_of(name, *key(rows[limit - 1])) if len(rows) > limit else None
    return Page(tuple(map(view, rows[:limit])), more)


async def everything(
    page: Callable[[str | None], Awaitable[Page[V]]], most: int | None = None
) -> AsyncIterator[V]:
    """Give what there is, page after page; never more than one of them is in memory.

    Args:
        page: Reads the page at a cursor, None for the first one.
        most: How many are given at most.
    """
    cursor: str | None = None
    count = 0
    while True:
        found = await page(cursor)
        for item in found.items:
            if most is not None and count >= most:
                return
            count += 1
            yield item
        cursor = found.next
        if cursor is None or (most is not None and count >= most):
            return


def cursor_of(name: str, *key: Any) -> str:
    """Write down the key of the last thing on a page of a list."""
    return base64.urlsafe_b64encode(json.dumps((name, *key)).encode()).decode().rstrip("=")


def place_of(cursor: str | None, name: str, *kinds: type) -> tuple[Any, ...] | None:
    """Read the key of the last thing that was seen, None at the beginning; it has one value of each of those kinds.

    Raises:
        Invalid: That is no cursor of such a list.
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, RecursionError, ValueError):
        key = None
    if isinstance(key, list) and len(key) == 1 + len(kinds) and key[0] == name:
        place = tuple(key[1:])
        if all(map(_fits, place, kinds)):
            return place
    raise Invalid.of("cursor", "that is no cursor of this list; take 'next' of the page before, or none")


def _fits(value: Any, kind: type) -> bool:
    if kind is str:
        return type(value) is str and "\0" not in value and not any(map(_is_half, value))
    if kind is float:
        return type(value) in (int, float) and abs(value) <= _LARGEST
    return type(value) is kind is int and abs(value) <= _LARGEST


def _is_half(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"


_LARGEST = 2**63 - 1
"""What a database can compare with; NaN is compared with nothing."""
