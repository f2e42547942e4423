"""What a script may call to steer its call, and what its run has used up so far.

A function either has an answer at once (``log``, ``e164``) or it returns a ``Command``: what only the
switch or the clock can do. The script is then suspended until the answer is there. None of this runs in the
event loop: workers' threads call it, so it is plain computing on its arguments. What asks the outside world is
in ``outside_functions.py``, and ``catalogue.py`` has all of them by name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sipwright.services.leg_options import MAX_LIMIT
from sipwright.services.script_headers import one_line

from . import arguments as check
from .commands import Dial, HangUpAfter, LogLine, Recorded, Respond, Sleep
from .function import Function, Kind
from .leg_arguments import dialled, leg_of, takes_options, with_defaults
from .limits import BUDGETS, Limits
from .values import DialResult, Inputs, LegSpec

__all__ = ["CALL_FUNCTIONS", "BudgetExceeded", "ScriptApi", "zone"]

MAX_RING = 180.0
_SIP_URI = re.compile(r"""sips?:[^\s<>"\x00-\x1f\x7f-\x9f]{1,500}""", re.IGNORECASE)


class BudgetExceeded(Exception):
    """A run has used up something; the script cannot catch this."""


_COUNTED = ("dials", "log_lines", "log_size", "used", "shape", "last")
"""What a run has used up, or has heard, by name."""


class ScriptApi:
    """The functions of one run, with what the run has used so far; ``to_state`` goes into its continuation.

    ``facts`` are what functions need to know of the run: the owner's time zone, and more for old scripts. These and
    the variables are given, or follow from the ``inputs``. ``shape`` tells how an old name wants the answer that it
    waits for, and ``last`` is what the last ``dial()`` heard. ``moment`` is the time that the script is told, where
    that is not left to the clock.
    """

    def __init__(
        self,
        limits: Limits,
        variables: Mapping[str, str] | None,
        deadline: float,
        facts: dict[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.inputs: Inputs | None = None
        if variables is not None:
            self.variables = variables
            self.facts = {} if facts is None else facts
        self.deadline = deadline
        self.dials = 0
        self.log_lines = 0
        self.log_size = 0
        self.used: dict[str, int] = {}
        self.shape = ""
        self.last: list[Any] = []
        self.moment: float | None = None

    @classmethod
    def starting(cls, limits: Limits, inputs: Inputs, clock: Callable[[], float] = time.time) -> ScriptApi:
        """Make the functions for a run that begins now."""
        api = cls(limits, None, clock() + limits.total_seconds, None, clock)
        api.inputs = inputs
        return api

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What stands for what in a dial string."""
        assert self.inputs is not None
        return self.inputs.variables

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What is known of the run."""
        assert self.inputs is not None
        call, request = self.inputs.call, self.inputs.request
        return {
            "timezone": call.timezone, "direction": call.direction, "user": call.user, "account": call.account,
            "dialplan": call.dialplan, "redirect": request.uri if request.redirected else "",
            "active": call.active,
        }  # fmt: skip

    def to_state(self, *, has_inputs: bool) -> dict[str, Any]:
        """Return what another process needs to go on, by name; what follows from the inputs only where it has none."""
        state: dict[str, Any] = {"deadline": self.deadline}
        if not has_inputs:
            state |= {"variables": self.variables, "facts": self.facts}
        for name in _COUNTED:
            if value := getattr(self, name):
                state[name] = value
        return state

    @classmethod
    def from_state(
        cls, limits: Limits, state: Mapping[str, Any], clock: Callable[[], float] = time.time
    ) -> ScriptApi:
        """Read what ``to_state`` gave."""
        api = cls(limits, state.get("variables"), state["deadline"], state.get("facts"), clock)
        for name in _COUNTED:
            if name in state:
                setattr(api, name, state[name])
        return api

    def hear(self, answer: Any) -> None:
        """Take note of the answer that the script goes on with."""
        if isinstance(answer, DialResult):
            self.last = [answer.status, answer.reason, answer.redirect, [leg[:3] for leg in answer.legs]]
            if answer.answered:
                self.deadline += answer.duration

    @property
    def present(self) -> float:
        """The Unix time that the script is told."""
        return self.clock() if self.moment is None else self.moment

    # What a script may call, by the same names.

    @takes_options(of_all=True)
    def dial(
        self,
        target: str | LegSpec | list[Any],
        *,
        ring: float | None = None,
        headers: dict[str, str] | None = None,
        wait: bool = False,
        **options: object,
    ) -> Dial:
        """Ring phones; the script goes on only when nobody answered (or, with ``wait``, after the call)."""
        groups = dialled(target, self.variables)
        if options:
            groups = with_defaults(groups, options)
        self._spend_dials(sum(map(len, groups)))
        patience = self._remaining()
        ring_time = min(check.seconds("ring", ring, MAX_RING) or MAX_RING, patience)
        return Dial(groups, ring_time, patience, check.headers(headers), check.truth("wait", wait))

    @takes_options(of_all=False)
    def leg(self, target: str, *, headers: dict[str, str] | None = None, **options: object) -> LegSpec:
        """Describe one leg for ``dial([leg(...), leg(...)])``, which rings them together."""
        spec = LegSpec(check.text("target", target), **options, headers=headers)
        leg_of(spec)
        return spec

    def respond(
        self, status: int, reason: str | None = None, headers: dict[str, str] | None = None
    ) -> Respond:
        """Answer the caller; with a final status the script is over."""
        if (
            isinstance(status, bool)
            or not isinstance(status, int)
            or not (100 < status < 200 or 300 <= status < 700)
        ):
            raise ValueError("status must be from 101 to 199 or from 300 to 699")
        reason = check.optional_text("reason", reason)
        may_redirect = 300 <= status < 400
        return Respond(
            status, one_line(reason, 100) if reason else None, check.headers(headers, contact=may_redirect)
        )

    def progress(
        self, status: int = 180, reason: str | None = None, headers: dict[str, str] | None = None
    ) -> Respond:
        """Tell the caller that it goes on; the script goes on too."""
        if isinstance(status, bool) or not isinstance(status, int) or not 100 < status < 200:
            raise ValueError("status must be from 101 to 199")
        return self.respond(status, reason, headers)

    def redirect(self, uri: str, reason: str | None = None) -> Respond:
        """Send the caller elsewhere; the script is over."""
        target = check.text("uri", uri).strip()
        if not target.lower().startswith(("sip:", "sips:")):
            target = f"sip:{target}"
        if not _SIP_URI.fullmatch(target):
            raise ValueError(f"{one_line(target, 60)!r} is not a SIP address")
        return self.respond(302, reason, {"Contact": f"<{target}>"})

    def hangup_after(self, seconds: float) -> HangUpAfter:
        """Let the call last no longer than that, counted from its answer."""
        wanted = check.seconds("seconds", seconds, MAX_LIMIT)
        if wanted is None:
            check.wrong("seconds", seconds, "a number of seconds")
        return HangUpAfter(wanted)

    def log(self, *values: object) -> LogLine:
        """Tell the owner something; the line goes into the trace of the call."""
        return LogLine(" ".join(map(check.shown, values)), None)

    def e164(self, number: str, region: str | None = None) -> str:
        """Write a phone number the international way (``+353...``); ``region`` is where it was dialled."""
        import phonenumbers  # when it is needed: its tables are large, and callers wait for a start

        number = check.text("number", number)
        if region is not None:
            region = check.text("region", region).upper()
            if region not in phonenumbers.SUPPORTED_REGIONS:
                raise ValueError(f"{one_line(region, 40)!r} is not a region; write two letters such as IE")
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            raise ValueError(f"{one_line(number, 40)!r} is not a phone number") from None
        # Only its length is looked at: a range may be newer than the tables. One that is dialled without its area
        # code (possible, but only locally) has no international form either.
        if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
            where = f" in {region}" if region is not None and not number.lstrip().startswith("+") else ""
            raise ValueError(f"{one_line(number, 40)!r} is not a whole phone number{where}")
        return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))

    def now(self, timezone: str | None = None) -> Recorded:
        """Return the time of day in a time zone ("Europe/Dublin"), or in the owner's own."""
        name = check.text("timezone", timezone, 64) if timezone is not None else self.facts.get("timezone")
        value = datetime.fromtimestamp(self.present, zone(name or "UTC")).replace(microsecond=0)
        return Recorded("now", {"timezone": name}, value.isoformat(), value)

    def sleep(self, seconds: float) -> Sleep | None:
        """Wait, without holding anything."""
        wanted = check.number("seconds", seconds)
        if wanted <= 0:
            return None
        if wanted > self._remaining():
            raise BudgetExceeded(
                f"sleep({wanted:g}) is longer than what is left of {self.limits.total_seconds:g} s"
            )
        self.spend("sleeps")
        return Sleep(wanted)

    # Budgets.

    def take_log(self, line: LogLine) -> LogLine | None:
        """Count a log line; None when the run has logged enough already."""
        if self.log_lines > self.limits.log_lines:
            return None
        self.log_lines += 1
        self.log_size += len(line.text)
        if self.log_lines > self.limits.log_lines or self.log_size > self.limits.log_size:
            self.log_lines = self.limits.log_lines + 1
            return LogLine("(the run has logged enough; the rest is dropped)", line.line)
        return line

    def spend(self, budget: str) -> None:
        """Count something that a run may do so many times, as its field of `Limits` says."""
        self._remaining()
        used = self.used[budget] = self.used.get(budget, 0) + 1
        most = getattr(self.limits, budget)
        if used > most:
            raise BudgetExceeded(f"the run has used up its {most} {BUDGETS[budget]}")

    def _spend_dials(self, legs: int) -> None:
        self.dials += legs
        if self.dials > self.limits.dials:
            raise BudgetExceeded(f"the run has used up its {self.limits.dials} dials")

    def _remaining(self) -> float:
        remaining = self.deadline - self.clock()
        if remaining <= 0:
            raise BudgetExceeded(f"the run took longer than {self.limits.total_seconds:g} s")
        return remaining


def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        meant = _zone_of(name) or "Europe/Dublin"
        raise ValueError(f"{one_line(name, 40)!r} is not a time zone such as {meant!r}") from None


def _zone_of(city: str) -> str | None:
    """Return the time zone that is called by the name of a city, if there is one."""
    wanted = city.strip().replace(" ", "_").lower()
    return next((one for one in _zones() if one.lower().endswith(f"/{wanted}")), None)


@cache
def _zones() -> list[str]:
    """Return the names of all time zones; to find them means opening hundreds of files."""
    return sorted(available_timezones())


CALL_FUNCTIONS = (
    Function(
        "dial", ScriptApi.dial, Kind.COMMAND, budget="dials", checked={"target": "a"},
        dial_strings=frozenset({"target"}),
    ),
    Function("leg", ScriptApi.leg, Kind.INLINE, checked={"target": "a"}, dial_strings=frozenset({"target"})),
    Function("respond", ScriptApi.respond, Kind.INLINE, checked={"status": 302}),  # may have a Contact
    Function("progress", ScriptApi.progress, Kind.INLINE, checked={}),
    Function("redirect", ScriptApi.redirect, Kind.INLINE, checked={"uri": "sip:a"}),
    Function("hangup_after", ScriptApi.hangup_after, Kind.INLINE, checked={"seconds": 1}),
    Function("log", ScriptApi.log, Kind.INLINE),
    Function("e164", ScriptApi.e164, Kind.INLINE, checked={"number": None}),
    Function("now", ScriptApi.now, Kind.INLINE, checked={}),
    Function("sleep", ScriptApi.sleep, Kind.COMMAND, budget="sleeps", checked={"seconds": 0}),
)  # fmt: skip
