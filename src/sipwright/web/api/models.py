"""How things look in JSON: models made of the views of the use cases, with RFC 3339 in the place of Unix time.

A view has each of its fields here under its own name; ``from_`` is ``from``, which Python does not allow.
"""

from __future__ import annotations

import dataclasses
import re
import time
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    create_model,
)

from sipwright.tables import age, rfc3339

__all__ = ["Given", "Instant", "Listing", "Time", "model_of"]

T = TypeVar("T")

_INSTANTS = frozenset({"at", "registered_until", "since", "unreachable_since"})

Time = Annotated[
    float,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A Unix time inside, RFC 3339 outside."""


def _unix(given: object) -> float:
    try:
        if not isinstance(given, str):
            raise ValueError
        if _AGE.fullmatch(given):
            return max(0.0, time.time() - age(given))
        moment = datetime.fromisoformat(given)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        raise ValueError("this is no time; write one such as 2026-11-29T08:00:00Z, a day, or 12h") from None


_AGE = re.compile("[0-9]{1,9}[smhd]")
_MOMENT = {
    "type": "string",
    "anyOf": [{"format": "date-time"}, {"format": "date"}, {"pattern": f"^{_AGE.pattern}$"}],
}

Instant = Annotated[float, BeforeValidator(_unix), WithJsonSchema(_MOMENT)]
"""A time that somebody asks for: RFC 3339, or a day, which begins in UTC, or how long ago, as at the command line."""


class Given(BaseModel):
    """The body of a request; what is not known is told, not passed over, and a text is no number."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=True, allow_inf_nan=False)


class Listing(BaseModel, Generic[T]):
    """A page of a list; `next` is the cursor of the page after it, null on the last one."""

    model_config = ConfigDict(from_attributes=True)

    items: list[T]
    next: str | None = None


_made: dict[tuple[type, str], type[BaseModel]] = {}


def model_of(view: type, name: str | None = None, *, seconds: Collection[str] = ()) -> type[BaseModel]:
    """Return the model of a view; `seconds` are fields that look like instants and are durations."""
    called = name or view.__name__.removesuffix("View")
    key = (view, called)
    if key not in _made:
        hints = typing.get_type_hints(view)
        parts: dict[str, Any] = {}
        for field in dataclasses.fields(view):
            inside, outside = _names(field.name)
            is_time = field.name not in seconds and (field.name.endswith("_at") or field.name in _INSTANTS)
            kind = _instant(hints[field.name]) if is_time else _kind(hints[field.name], seconds)
            parts[inside] = (kind, Field(validation_alias=field.name, serialization_alias=outside))
        _made[key] = create_model(
            called, __config__=ConfigDict(from_attributes=True), __doc__=view.__doc__, **parts
        )
    return _made[key]


def _names(name: str) -> tuple[str, str]:
    """Return a name for Python, which must not be one of pydantic's own, and the one for JSON."""
    outside = name.rstrip("_")
    return (f"{outside}_" if hasattr(BaseModel, outside) else outside), outside


def _instant(hint: Any) -> Any:
    return Time | None if type(None) in typing.get_args(hint) else Time


def _kind(hint: Any, seconds: Collection[str]) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return model_of(hint, seconds=seconds)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        return hint
    inner = tuple(one if one is Ellipsis else _kind(one, seconds) for one in arguments)
    if origin in (types.UnionType, typing.Union):
        return typing.Union[inner]  # noqa: UP007 (made at run time)
    if origin in (tuple, list, Sequence) and inner:
        return list[inner[0]]  # type: ignore[valid-type]  # made at run time
    if origin in (dict, Mapping):
        return dict[inner]  # type: ignore[valid-type,misc]  # made at run time
    return hint
