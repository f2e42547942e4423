"""Lists a page at a time: what comes after the last row that was seen, in the order of a key that an index has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal, or_, tuple_

__all__ = ["after", "contains"]


def after(
    columns: Sequence[ColumnElement[Any]], key: Sequence[Any], *, is_descending: bool = False
) -> ColumnElement[bool]:
    """Select the rows that come after the one with that key."""
    row = tuple_(*columns)
    seen = tuple_(*(literal(value, column.type) for value, column in zip(key, columns, strict=True)))
    return row < seen if is_descending else row > seen


def contains(text: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Select the rows that have a text anywhere in one of some columns, in capitals or not."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))
