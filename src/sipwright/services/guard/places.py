"""Where a number leads, and how dear that may become: its country, and whether it is premium, satellite or high-risk.

`phonenumbers` knows the numbering plans. It is loaded when it is first needed, as its tables are large. A number that
it cannot make anything of is ordinary, as are all short ones: those are the provider's own. Without a region, from
which numbers without a country code are dialled, only the usual beginnings of premium numbers are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sipwright.services.numbers import plain_number

__all__ = [
    "HIGH_RISK", "KINDS", "ORDINARY", "PREMIUM", "RISKY", "SATELLITE", "SHORT", "Place", "is_open", "place_of",
]  # fmt: skip

ORDINARY, PREMIUM, SATELLITE, RISKY = "ordinary", "premium", "satellite", "high-risk"

KINDS = (PREMIUM, SATELLITE, RISKY)
"""What nobody may call before an admin has opened it."""

ABROAD = "abroad"

HIGH_RISK = frozenset({
    "AC", "AD", "AF", "AG", "AI", "BA", "BF", "BI", "BJ", "BY", "CD", "CF", "CG", "CI", "CK", "CM", "CU", "DJ",
    "DM", "DZ", "ER", "ET", "FK", "GA", "GD", "GM", "GN", "GQ", "GW", "GY", "HT", "IO", "IR", "KI", "KM", "KP",
    "LR", "LS", "LY", "MG", "MH", "ML", "MR", "MV", "MW", "NE", "NR", "NU", "PG", "PW", "RW", "SB", "SC", "SD",
    "SH", "SL", "SN", "SO", "SR", "SS", "ST", "SY", "SZ", "TC", "TD", "TG", "TK", "TL", "TN", "TO", "TV", "UZ",
    "VC", "VG", "VU", "WF", "WS", "YE", "ZM", "ZW",
})  # fmt: skip
"""Countries whose numbers are used most to make money with stolen passwords, and called least otherwise."""

_SATELLITE = ("870", "878", "881", "882", "883")
_PREMIUM_OF_ALL = ("979",)
_PREMIUM_BEGINNINGS = ("0900", "0901", "0902", "0903", "0906", "0909", "0190", "1900", "900")
"""How premium numbers begin in most countries, where it is not known better."""

SHORT = 6
"""Digits of the longest extension."""

_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number leads; `digits` is the number with its country code, where that is known."""

    kind: str
    region: str | None
    digits: str

    @property
    def text(self) -> str:
        """What it is called in a sentence."""
        return {PREMIUM: "premium numbers", SATELLITE: "satellite numbers"}.get(
            self.kind, f"numbers in {self.region}"
        )


@lru_cache(_REMEMBERED)
def place_of(user: str, region: str | None) -> Place:
    """Return where the number in the user part of a URI leads, as it is dialled in a region."""
    number = plain_number(user)
    bare = number.lstrip("+")
    if not bare.isascii() or not bare.isdigit():
        return Place(ORDINARY, None, "")
    if number.startswith(("+", "00")) or (region in ("US", "CA") and number.startswith("011")):
        digits = bare if number[0] == "+" else bare[3 if number.startswith("011") else 2 :]
        return _with_country_code(digits, region) or Place(ORDINARY, None, digits)
    if len(bare) <= SHORT:
        return Place(ORDINARY, region, bare)
    at_home = None if region is None else _read(bare, region)
    if at_home is not None and at_home.is_valid:
        return at_home.place(region)
    if bare.startswith(_PREMIUM_BEGINNINGS):
        return Place(PREMIUM, region, bare)
    # Some leave the plus away, and providers take that.
    abroad = None if bare[0] == "0" else _with_country_code(bare, region, is_certain=False)
    return abroad or (Place(ORDINARY, region, bare) if at_home is None else at_home.place(region))


def _with_country_code(digits: str, region: str | None, *, is_certain: bool = True) -> Place | None:
    if digits.startswith(_SATELLITE):
        return Place(SATELLITE, "001", digits)
    if digits.startswith(_PREMIUM_OF_ALL):
        return Place(PREMIUM, "001", digits)
    found = _read(f"+{digits}", None)
    return found.place(region) if found is not None and (is_certain or found.is_valid) else None


class _Number(NamedTuple):
    """What `phonenumbers` makes of a number."""

    digits: str
    region: str | None
    is_valid: bool
    is_premium: bool

    def place(self, home: str | None) -> Place:
        is_risky = self.region in HIGH_RISK and self.region != home
        return Place(
            PREMIUM if self.is_premium else RISKY if is_risky else ORDINARY, self.region, self.digits
        )


def _read(number: str, region: str | None) -> _Number | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    code = parsed.country_code or 0
    digits = f"{code}{phonenumbers.national_significant_number(parsed)}"
    found = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    return _Number(
        digits,
        found or phonenumbers.region_code_for_country_code(code),
        phonenumbers.is_valid_number(parsed),
        kind == phonenumbers.PhoneNumberType.PREMIUM_RATE,
    )


def is_open(place: Place, home: str | None, rules: frozenset[str]) -> bool:
    """Return whether a user may call there.

    `rules` has kinds and countries that are open, such as `premium` and `SO`, and with a minus those that are not:
    `-DE`, and `-abroad` for all but their own.
    """
    region = place.region or ""
    if f"-{region}" in rules:
        return False
    if place.kind != ORDINARY:
        return place.kind in rules or (place.kind == RISKY and region in rules)
    is_abroad = place.region is not None and place.region != home
    return not is_abroad or f"-{ABROAD}" not in rules or region in rules
