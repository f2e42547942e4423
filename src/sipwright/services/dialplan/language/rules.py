"""Rules for people who do not program: a list in TOML that becomes a script which they can read, and take over.

Each rule says for which calls it is (direction, pattern, caller, dates, days, time) and what to do with
them. Rules are tried in order; when the phones that a rule rings do not answer, the next one that fits goes on. Dates,
days and times are those of the owner's time zone, and a time may go past midnight.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.script_headers import one_line

__all__ = ["Rule", "RulesError", "compile_rules", "read_rules"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_RULES = 200
_DATE = re.compile(r"(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2}")
_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


class RulesError(ValueError):
    """Rules that cannot be understood: which one, and why."""


def _pattern(text: str) -> str:
    if text.startswith("/"):
        try:
            re.compile(_inside(text))
        except re.error as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    elif not text or re.search(r"[\s\"\\]", text) or "*" in text[1:-1]:
        raise ValueError(f"{text!r} is not a pattern; write 300, 00353*, _0ZXXX. or /regular expression/")
    return text


def _inside(text: str) -> str:
    if len(text) < 3 or not text.endswith("/"):
        raise ValueError(f"{text!r} must end with /")
    return text[1:-1]


def _days(text: str) -> str:
    _read_days(text)
    return text


def _dates(text: str) -> str:
    _read_dates(text)
    return text


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)", text):
        raise ValueError(f"{text!r} is not a time; write 08:00-17:30, or 22:00-06:00 for a night")
    return text


def _dial_string(text: str) -> str:
    parse_dial_string(text)
    return text


def _on_one_line(text: str) -> str:
    return one_line(text, 100)


Pattern = Annotated[str, AfterValidator(_pattern)]
Line = Annotated[str, AfterValidator(_on_one_line)]


class Rule(BaseModel):
    """One rule: when everything that it names fits the call, its action is done."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Line = ""
    direction: Literal["in", "out", "any"] = "any"
    pattern: Pattern | None = None
    caller: Pattern | None = None
    dates: Annotated[str, AfterValidator(_dates)] | None = None
    days: Annotated[str, AfterValidator(_days)] | None = None
    time: Annotated[str, AfterValidator(_time)] | None = None
    enabled: bool = True
    action: Literal["dial", "reject", "redirect"]
    to: str | None = None
    ring: Annotated[float, Field(gt=0, le=180, strict=False)] | None = None
    limit: Annotated[float, Field(gt=0, le=86_400, strict=False)] | None = None
    from_name: Line | None = None
    status: Annotated[int, Field(ge=400, le=699)] | None = None
    reason: Line | None = None

    @model_validator(mode="after")
    def _fits_its_action(self) -> Rule:
        fields = {
            "dial": ("to", "ring", "limit", "from_name"),
            "reject": ("status", "reason"),
            "redirect": ("to",),
        }
        for name in ("to", "ring", "limit", "from_name", "status", "reason"):
            if getattr(self, name) is not None and name not in fields[self.action]:
                raise ValueError(f"{name} says nothing about {self.action}")
        if self.action != "reject" and self.to is None:
            raise ValueError(f"{self.action} needs to")
        if self.action == "dial":
            _dial_string(self.to or "")
        if self.action == "redirect" and not re.fullmatch(r"""[^\s<>"\\{}]+@[^\s<>"\\{}]+""", self.to or ""):
            raise ValueError(f"{self.to!r} is not an address such as bob@example.org")
        return self


def read_rules(text: str) -> list[Rule]:
    """Read rules.

    Raises:
        RulesError: They cannot be understood.
    """
    try:
        parts = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"not TOML: {error}") from None
    wrong = [name for name in parts if name != "rule"]
    if wrong or not isinstance(parts.get("rule"), list):
        raise RulesError(
            f"expected [[rule]] and nothing else, not {wrong[0]!r}" if wrong else "there is no [[rule]]"
        )
    if len(parts["rule"]) > MOST_RULES:
        raise RulesError(f"more than {MOST_RULES} rules")
    return [_read_rule(number, values) for number, values in enumerate(parts["rule"], 1)]


def _read_rule(number: int, values: object) -> Rule:
    try:
        return Rule.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "a rule has no such key; correct its name or remove it"
        raise RulesError(f"rule {number}: {place + ': ' if place else ''}{message}") from None


def compile_rules(rules: list[Rule]) -> str:
    """Write the script that does what the rules say."""
    live = [(number, rule) for number, rule in enumerate(rules, 1) if rule.enabled]
    conditions = [_conditions(rule) for _, rule in live]
    lines = [
        "# Made from rules by 'sipwright dialplan rules set'. It is a script like any other: to take it over,",
        "# change it and save it with 'sipwright dialplan set'.",
    ]
    if any("re." in condition for condition in conditions):
        lines += ["import re"]
    has_eve = any("eve" in condition for condition in conditions)
    if has_eve:
        lines += ["from datetime import timedelta"]
    lines += [""]
    if any(rule.dates or rule.days or rule.time for _, rule in live):
        lines += ["time = now()", "day = time.weekday()  # Monday is 0", 'clock = time.strftime("%H:%M")']
        lines += ['date = time.strftime("%Y-%m-%d")'] if any(rule.dates for _, rule in live) else []
        lines += ['eve = (time - timedelta(days=1)).strftime("%Y-%m-%d")'] if has_eve else []
        lines += [""]
    for (number, rule), condition in zip(live, conditions, strict=True):
        lines += [f"# {number}. {rule.name or _describe(rule)}"]
        lines += [f"if {condition}:", f"    {_action(rule)}"] if condition else [_action(rule)]
        lines += [""]
    return "\n".join(lines)


def _describe(rule: Rule) -> str:
    to = one_line(" ".join((rule.to or "").split()), 100)  # a dial string may stand on several lines
    return {"dial": f"ring {to}", "reject": "say no", "redirect": f"send to {to}"}[rule.action]


def _conditions(rule: Rule) -> str:
    found = []
    if rule.direction != "any":
        found.append(f'call.direction == "{rule.direction}"')
    if rule.pattern is not None:
        found.append(_match("req.user", rule.pattern))
    if rule.caller is not None:
        found.append(_match("req.from_user", rule.caller))
    if rule.dates or rule.days or rule.time:
        found.append(_when(rule.dates, rule.days, rule.time))
    return " and ".join(found)


def _match(what: str, pattern: str) -> str:
    if pattern.startswith("/"):
        return f"re.search({_inside(pattern)!r}, {what})"
    if pattern.startswith("_"):
        expression = "".join(_CLASSES.get(character, re.escape(character)) for character in pattern[1:])
        return f"re.fullmatch({expression!r}, {what})"
    if pattern == "*":
        return f"{what}"
    if pattern.endswith("*"):
        return f"{what}.startswith({pattern[:-1]!r})"
    return f"{what} == {pattern!r}"


def _when(dates: str | None, days: str | None, time: str | None) -> str:
    today, eve = [], []
    if dates is not None:
        spans = _read_dates(dates)
        today.append(_within("date", spans))
        eve.append(_within("eve", spans))
    if days is not None:
        on = list(_read_days(days))
        today.append(f"day in {on}")
        eve.append(f"(day - 1) % 7 in {on}")
    if time is None:
        return _all(*today)
    begin, end = time.split("-")
    if begin < end:
        return _all(*today, f'"{begin}" <= clock < "{end}"')
    return f'({_all(*today, f"""clock >= "{begin}" """.strip())} or {_all(*eve, f"""clock < "{end}" """.strip())})'


def _within(name: str, spans: list[tuple[str, str]]) -> str:
    """Write that a date is in one of some spans; those without a year are of every year, and may go past its end."""
    parts = []
    for first, last in spans:
        value = name if len(first) > 5 else f"{name}[5:]"
        if first == last:
            parts.append(f'{value} == "{first}"')
        elif first < last:
            parts.append(f'"{first}" <= {value} <= "{last}"')
        else:
            parts.append(f'({value} >= "{first}" or {value} <= "{last}")')
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _read_dates(text: str) -> list[tuple[str, str]]:
    found = []
    for part in text.split(","):
        first, dots, last = (piece.strip() for piece in part.partition(".."))
        last = last if dots else first
        if not (_is_date(first) and _is_date(last) and len(first) == len(last)):
            raise ValueError(
                f"{text!r} are not dates; write 2026-12-24, or 12-25 for every year, or 12-24..12-26, "
                "several of them with commas between"
            )
        if len(first) > 5 and last < first:
            raise ValueError(f"{part.strip()!r} ends before it begins")
        found.append((first, last))
    return found


def _is_date(text: str) -> bool:
    # 2024 is a leap year: the 29th of February is a date of every year that has one.
    try:
        return bool(_DATE.fullmatch(text)) and bool(
            date.fromisoformat(text if len(text) > 5 else f"2024-{text}")
        )
    except ValueError:
        return False


def _all(*conditions: str) -> str:
    return " and ".join(condition for condition in conditions if condition)


def _read_days(text: str) -> tuple[int, ...]:
    names = {name.lower(): number for number, name in enumerate(DAYS)}
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = (piece.strip().lower() for piece in part.partition("-"))
        if first not in names or (dash and last not in names):
            raise ValueError(f"{text!r} are not days; write Mon-Fri or Sat,Sun")
        begin, end = names[first], names[last] if dash else names[first]
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return tuple(sorted(found))


def _action(rule: Rule) -> str:
    if rule.action == "reject":
        reason = "" if rule.reason is None else f", {_quoted(rule.reason)}"
        return f"respond({rule.status or 480}{reason})"
    if rule.action == "redirect":
        return f"redirect({_quoted(rule.to or '')})"
    options = [("ring", rule.ring), ("limit", rule.limit)]
    said = [f", {name}={value:g}" for name, value in options if value is not None]
    if rule.from_name is not None:
        said.append(f", from_name={_quoted(rule.from_name)}")
    return f"dial({_quoted(rule.to or '')}{''.join(said)})"


def _quoted(text: str) -> str:
    """Write a text as people do, in double quotes where it can be."""
    written = repr(text)
    return f'"{written[1:-1]}"' if '"' not in text and "'" not in text else written
