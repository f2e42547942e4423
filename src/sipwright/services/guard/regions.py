"""Which countries there are, and in which of them each time zone is, as the zone table of the tz database says."""

from __future__ import annotations

from functools import cache
from importlib import resources

__all__ = ["is_region", "region_of"]


def region_of(timezone: str) -> str | None:
    """Return the country of a time zone; None where it is none, such as UTC."""
    return _regions().get(timezone)


def is_region(name: str) -> bool:
    """Return whether a country has telephone numbers, by its two letters (ISO 3166)."""
    import phonenumbers  # when it is needed: its tables are large

    return name in phonenumbers.SUPPORTED_REGIONS


@cache
def _regions() -> dict[str, str]:
    try:
        text = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    except (OSError, ModuleNotFoundError):
        return {}
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {parts[2]: parts[0] for parts in lines if len(parts) > 2}
