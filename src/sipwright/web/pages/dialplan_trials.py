"""A draft of a dialplan tried without a phone, and with the calls of last week: two panels beside its editor."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.dialplans import Replay, ReplayWish, Try, TryWish
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.draft import Draft
from sipwright.web.pages.elements import actions, bring_into_view, button, note, tag
from sipwright.web.pages.format import plural
from sipwright.web.pages.widgets import Field

__all__ = ["ReplayPanel", "TryPanel"]

WEEK = 7 * 86_400.0


class TryPanel:
    """What the draft would do with a call."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.plans = page.plans

    def build(self) -> None:
        """Make the panel."""
        tag("p", "quiet small", "What would this draft do with a call? Nobody is really called.")
        with tag("div", "fields"):
            self.from_ = Field("Caller", "alice", hint="An account, or a number from outside.")
            self.to = Field("Dialled", "300")
            self.direction = Field(
                "Direction",
                "out",
                kind="select",
                options=(("out", "out: the account calls"), ("in", "in: it is called")),
            )
            self.at = Field("When", placeholder="now, or sat 18:30")
        self.answers = Field(
            "What phones and providers do", kind="textarea", rows=3, placeholder="bob: busy\nblueface: after 5 answers",
            hint="A line each. Who is not named rings and never answers.",
        )  # fmt: skip
        self._build_rare()
        with actions():
            button("Try it", self._try, kind="main")
        self.tried = tag("div", "stack", role="status")

    def _build_rare(self) -> None:
        """Make what is seldom said of a call."""
        with tag("details", "more"):
            tag("summary", "", "More of the call")
            with tag("div", "fields"):
                self.provider = Field("Provider that brings it", hint="Of a call in.")
                self.active = Field("Calls that the owner has already", placeholder="0")
                self.gives_up = Field("Hangs up after, in seconds", placeholder="never")
            self.headers = _lines("Headers", "Alert-Info: external", "A line each: NAME: VALUE.")
            self.effects = _lines(
                "What functions return", 'http_get: {"name": "Bob"}', "A line each: FUNCTION: VALUE, as JSON."
            )
            self.in_plans = _lines(
                "Dialplans of those that are called", "bob: reception",
                "A line each: ACCOUNT: PLAN, or ACCOUNT: none. Otherwise what the accounts have.",
            )  # fmt: skip

    async def _try(self) -> None:
        await self.page.catch_up()
        fields = {
            "from": self.from_, "to": self.to, "direction": self.direction, "at": self.at, "answers": self.answers,
            "provider": self.provider, "active": self.active, "gives_up": self.gives_up, "headers": self.headers,
            "effects": self.effects, "in_plans": self.in_plans,
        }  # fmt: skip
        with self.visit.telling(**fields):
            found = await self.plans.try_call(
                self.visit.actor,
                self._wish(),
                name=self.page.name,
                source=self.page.draft,
                user=self.page.user,
            )
            self._show(found)

    def _wish(self) -> TryWish:
        return TryWish(
            from_=str(self.from_.value).strip(),
            to=str(self.to.value).strip(),
            direction=str(self.direction.value),
            answers=_typed(self.answers),
            effects=_typed(self.effects),
            in_plans=_typed(self.in_plans),
            at=str(self.at.value).strip() or None,
            gives_up=_number(self.gives_up, "gives_up"),
            headers=[_header(line) for line in _typed(self.headers)],
            active=int(_number(self.active, "active") or 0),
            provider=str(self.provider.value).strip() or None,
        )

    def _show(self, found: Try) -> None:
        self.tried.clear()
        with self.tried:
            if found.failure:
                note(found.failure, "bad")
            for remark in found.remarks:
                note(remark, "warn")
            with tag("div", "diff", tabindex="0", role="region", aria_label="How the tried call went"):
                for line in found.lines:
                    tag("div", "", line or " ")
        bring_into_view(self.tried)


def _lines(label: str, placeholder: str, hint: str) -> Field:
    return Field(label, kind="textarea", rows=2, placeholder=placeholder, hint=hint)


def _typed(field: Field) -> list[str]:
    """Return the lines that were typed."""
    return [line.strip() for line in str(field.value).splitlines() if line.strip()]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise Invalid.of("headers", f"{line!r} is not a header; write NAME: VALUE")
    return name.strip(), value.strip()


def _number(field: Field, name: str) -> float | None:
    text = str(field.value).strip()
    if text and not text.replace(".", "", 1).isdecimal():
        raise Invalid.of(name, "write a number such as 4, or nothing")
    return float(text) if text else None


class ReplayPanel:
    """Which calls of last week the draft would have sent elsewhere."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.plans = page.plans

    def build(self) -> None:
        """Make the panel."""
        tag("p", "quiet small", "Which calls of last week would this draft have sent elsewhere?")
        with actions():
            self.replaying = button("Replay last week", self._replay, kind="main")
        self.replayed = tag("div", "stack", role="status")

    async def _replay(self) -> None:
        await self.page.catch_up()
        self.replaying.props["disabled"] = True
        try:
            with self.visit.telling():
                since = self.visit.now - WEEK
                found = await self.plans.replay(
                    self.visit.actor,
                    self.page.name,
                    ReplayWish(since),
                    source=self.page.draft,
                    user=self.page.user,
                )
                self._show(found)
                bring_into_view(self.replayed)
        finally:
            self.replaying.props["disabled"] = False

    def _show(self, found: Replay) -> None:
        self.replayed.clear()
        with self.replayed:
            if not found.calls:
                note("No call of last week ran this dialplan. Try it instead.")
                return
            skipped = f"; {found.skipped:,} could not be" if found.skipped else ""
            moved = plural(len(found.moved), "call")
            note(
                f"{found.replayed:,} of {plural(found.calls, 'call')} were replayed{skipped}. "
                + (
                    f"{moved} would have gone elsewhere:"
                    if found.moved
                    else "None would have gone elsewhere."
                ),
                "warn" if found.moved else "good",
            )
            for one in found.moved[:100]:
                self._show_moved(dict(one))

    def _show_moved(self, one: dict[str, Any]) -> None:
        with tag("div", "stack").style("gap: 0"):
            with tag("p"):
                call = str(one.pop("call", ""))
                tag("a", "", call[:12], href=f"{self.visit.prefix}/calls/{call}")
            for key, value in one.items():
                if value not in (None, "") and not key.endswith("_at"):
                    tag("p", "small break", f"{key}: {value}")
