"""Which call records somebody wants, as the address of a page says it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sipwright.usecases.cdrs import CdrFilter
from sipwright.usecases.errors import Invalid

__all__ = ["wanted"]

_DAY = timedelta(days=1)


def wanted(query: dict[str, str], timezone: str = "UTC") -> CdrFilter:
    """Read conditions as they stand in an address; its days are those of a time zone.

    Raises:
        Invalid: One of them cannot be understood.
    """
    zone = ZoneInfo(timezone)
    return CdrFilter(
        from_=_day(query.get("from"), "from", zone),
        to=_day(query.get("to"), "to", zone, after=_DAY),
        account=query.get("account") or None,
        direction=query.get("direction") or None,
        status=query.get("status") or None,
        q=query.get("q") or None,
        by_call=not query.get("legs"),
    )


def _day(text: str | None, name: str, zone: ZoneInfo, after: timedelta = timedelta()) -> float | None:
    if not text:
        return None
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=zone) + after).timestamp()
    except (OverflowError, ValueError):
        raise Invalid.of(name, f"{text!r} is no day; write one such as 2026-11-29") from None
