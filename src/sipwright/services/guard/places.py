"""Where a number leads, and how dear that may become: its country, and whether it is premium, satellite or high-risk.

`phonenumbers` knows the numbering plans. It is loaded when it is first needed, as its tables are large. A number that
it cannot make anything of is ordinary, as are all short ones: those are the provider's own. Without a region, from
which numbers without a country code are dialled, only the usual beginnings of premium numbers are known.

What a provider makes of more than digits is its own affair: escapes, digits of other scripts, codes before the number
and digits to dial behind it, one digit too many, a country code without anything before it, a context beside it. So a
number is read in every way that it may be: each place that it may lead to has to be open, and the dearest counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from sipwright.services.numbers import plain_number

__all__ = [
    "HIGH_RISK", "KINDS", "ORDINARY", "PREMIUM", "RISKY", "SATELLITE", "SHORT", "Place", "is_open", "place_of",
    "places_of",
]  # fmt: skip

ORDINARY, PREMIUM, SATELLITE, RISKY = "ordinary", "premium", "satellite", "high-risk"

KINDS = (PREMIUM, SATELLITE, RISKY)
"""What nobody may call before an admin has opened it."""

_GRAVITY = {ORDINARY: 0, RISKY: 1, SATELLITE: 2, PREMIUM: 3}

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

_LONGEST = 19
"""Characters of a number that are read: what dials abroad, fifteen digits (ITU-T E.164 §6.2.1), and some too many."""

_SEPARATORS = dict.fromkeys(map(ord, "-.() /~_'\t"))
_RUN = re.compile(rf"\+[0-9]{{{SHORT + 1},}}|(?<![A-Za-z0-9])[0-9]{{{SHORT + 1},}}")
"""A number within something else; digits of a name, such as those of alice12345678, are none."""

_VANITY = re.compile(r"\+?[0-9]+[A-Za-z][A-Za-z0-9]*")
"""A number with letters in it, which are digits on the keys of a phone (ITU-T E.161)."""

_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")

_ZEROS = re.compile(r"(?<![0-9])0{3,}")

_OTHER_PREFIXES = ("011", "0011", "0010", "010", "810")
"""What is dialled before the code of another country where that is not 00: a provider may be anywhere."""

_SHORTEST_ABROAD = 9
"""Digits of a number with its country code, where nothing says that it is one; those at home may have fewer."""

_TOO_MANY = 10
"""Digits behind a whole number that a network may leave out."""


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


def place_of(user: str, region: str | None) -> Place:
    """Return where the number in the user part of a URI leads, as it is dialled in a region: the dearest such place."""
    return places_of(user, region)[0]


def places_of(user: str, region: str | None) -> tuple[Place, ...]:
    """Return all places that the number in the user part of a URI may lead to, one at least, the dearest first."""
    numbers = [_ZEROS.sub("00", number)[:_LONGEST] for number in _readings(user)]
    if len(numbers) == 1:
        return _places(numbers[0], region)
    found = dict.fromkeys(place for number in numbers for place in _places(number, region))
    return _dearest_first(found) or (Place(ORDINARY, None, ""),)


def _dearest_first(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: -_GRAVITY[place.kind]))


def _readings(user: str) -> Iterator[str]:
    """Give the numbers that a user part may be taken for, what it is most likely first."""
    number = plain_number(user)
    is_number = number.lstrip("+").isdigit() and number.isascii()
    if is_number:
        yield number
    if is_number and ";" not in user:
        return
    plain, _, params = unicodedata.normalize("NFKC", unquote(unquote(user))).partition(";")
    plain = plain.translate(_SEPARATORS)
    plain = "".join(str(unicodedata.decimal(each, each)) for each in plain)
    yield from _beside(plain, params)
    if is_number:
        return
    if _VANITY.fullmatch(plain) and len(plain) > SHORT:
        yield plain.upper().translate(_KEYS)
    for run in _RUN.finditer(plain):
        yield run[0]
        if plain[: run.start()][-1:] in ("*", "#"):  # *67 and the like, which nothing ends
            yield from (run[0][2:], run[0][3:])


def _beside(number: str, params: str) -> Iterator[str]:
    """Give the numbers that parameters make of one: its context (RFC 3966 §5.1.5), or one to route by (RFC 4694 §5)."""
    for param in params.split(";"):
        name, _, value = param.partition("=")
        bare = value.translate(_SEPARATORS)
        if not bare.lstrip("+").isdigit():
            continue
        match name.strip().lower():
            case "phone-context":
                yield bare + number.lstrip("+")
            case "rn":
                yield bare


@lru_cache(_REMEMBERED)
def _places(number: str, region: str | None) -> tuple[Place, ...]:
    """Return where a number may lead, the dearest first."""
    found, bare = [_place(number, region)], number.lstrip("+")
    if bare == number and len(bare) <= SHORT:
        found += [] if region is None else [Place(ORDINARY, region, f"{_country_code(region)}{bare}")]
    elif number.startswith(("+", "00")):
        found += [_by_other_prefix(number, region) or found[0]]
    elif bare[0] != "0" and not _is_dialled(bare, region):
        abroad = _with_country_code(bare, region, is_certain=False), _by_other_prefix(bare, region)
        found += [place for place in abroad if place is not None]
        if not any(abroad) and len(bare) >= _SHORTEST_ABROAD:
            found.append(Place(ORDINARY, None, bare))  # it costs whatever it may cost
    return _dearest_first(dict.fromkeys(found))


def _country_code(region: str) -> int:
    import phonenumbers

    return phonenumbers.country_code_for_region(region)


def _is_dialled(number: str, region: str | None) -> bool:
    """Return whether people in a region may dial a number as it is, and not only with a zero, or the like, before it.

    Where they may not, a provider takes it for one that begins with the code of a country.
    """
    import phonenumbers

    metadata = None if region is None else phonenumbers.PhoneMetadata.metadata_for_region(region)
    prefix = None if metadata is None else metadata.national_prefix
    if metadata is None or not prefix or number.startswith(prefix):
        return True
    main = phonenumbers.region_code_for_country_code(metadata.country_code or 0)
    plan = phonenumbers.PhoneMetadata.metadata_for_region(main) or metadata
    for form in plan.number_format:
        begins = form.leading_digits_pattern
        if (not begins or re.match(begins[-1], number)) and re.fullmatch(form.pattern or "", number):
            is_needed = (form.national_prefix_formatting_rule or "").startswith(prefix)
            return not is_needed or bool(form.national_prefix_optional_when_formatting)
    return False  # no number of theirs


def _place(number: str, region: str | None) -> Place:
    bare = number.lstrip("+")
    if number.startswith(("+", "00")) or (region in ("US", "CA") and number.startswith("011")):
        digits = bare if number[0] == "+" else bare[3 if number.startswith("011") else 2 :]
        digits = digits.lstrip("0")  # as no country code begins so
        valid = _with_country_code(digits, region, is_certain=False) or _by_other_prefix(number, region)
        return valid or _with_country_code(digits, region) or Place(ORDINARY, None, digits)
    if len(bare) <= SHORT:
        return Place(ORDINARY, region, bare)
    at_home = None if region is None else _read(bare, region)
    if at_home is not None and at_home.is_valid:
        return at_home.place(region)
    if bare.startswith(_PREMIUM_BEGINNINGS):
        return Place(PREMIUM, region, bare)
    # Some leave the plus away, and providers take that.
    abroad = None if bare[0] == "0" else _with_country_code(bare, region, is_certain=False)
    abroad = abroad or _by_other_prefix(bare, region)
    return abroad or (Place(ORDINARY, region, bare) if at_home is None else at_home.place(region))


def _by_other_prefix(number: str, region: str | None) -> Place | None:
    for prefix in _OTHER_PREFIXES:
        found = (
            _with_country_code(number.removeprefix(prefix), region, is_certain=False)
            if number.startswith(prefix)
            else None
        )
        if found is not None:
            return found
    return None


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
    is_valid = phonenumbers.is_valid_number(parsed)
    for _ in range(0 if is_valid else _TOO_MANY):
        shorter = phonenumbers.PhoneNumber()
        shorter.merge_from(parsed)
        shorter.national_number = (shorter.national_number or 0) // 10
        parsed = shorter
        if phonenumbers.is_valid_number(parsed):
            break
    found = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    return _Number(
        digits,
        found or phonenumbers.region_code_for_country_code(code),
        is_valid,
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
