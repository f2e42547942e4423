"""``/calls/{id}``: what became of one call on one axis of time, also while it goes on."""

from __future__ import annotations

import re
from typing import Any

from sipwright.usecases.errors import NotFound
from sipwright.usecases.traces import EffectView, RungView, RunTraceView, TraceView
from sipwright.web.pages.elements import actions, button, card, facts, link, pill, tag, text
from sipwright.web.pages.format import bare, ended_by, span, status_look
from sipwright.web.pages.layout import frame
from sipwright.web.pages.live import Ladder
from sipwright.web.pages.steering import hang_up
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Modal, Table

__all__ = ["show"]

_STATUS = re.compile(r"\d{3} ")
_CHALLENGES = (401, 407)
"""What is part of every call whose caller shows who it is."""
_LOOKS = {"talking": "good", "ringing": "busy", "held": "held"}
_NOT_KEPT = (
    "Drawn from the record of this call, as its messages were not kept: they are kept of calls that run a dialplan. "
    'With calls = "all" below [trace] in sipwright.toml they are kept of every call.'
)
_NO_TEXT = (
    "Its text was not kept. When it was said, the record of the call says.",
    "It was said to somebody else's phone, so its text is not shown.",
)
"""What is to be read in place of a message: of a call whose messages were not kept, and else."""
_COPY = '(event) => copyText(document.getElementById("trace-text").textContent, event.currentTarget)'


async def show(visit: Visit) -> None:
    """Make the page."""
    name = visit.request.path_params["call"]
    trace = await visit.usecases.traces.get(visit.actor, name)
    await _CallPage(visit, trace).build()


class _CallPage:
    """The page of one call in one browser."""

    def __init__(self, visit: Visit, trace: TraceView) -> None:
        self.visit = visit
        self.trace = trace

    async def build(self) -> None:
        """Make the page."""
        trace = self.trace
        title = f"{bare(trace.from_) or 'somebody'} to {bare(trace.to) or 'nobody'}"
        with frame(self.visit, title, back=("Switchboard", "/")) as head:
            with head:
                self._buttons()
            with card():
                with tag("div", "row middle"):
                    self.state = pill(*_standing(trace))
                    self.why = tag("p", "why", trace.why, data_testid="why", role="status")
                self._facts()
            self.body = tag("div", "stack wide")
            self._draw()
            self._copy_dialog()
        if trace.live:
            self.visit.live(self._keep_up)

    def _buttons(self) -> None:
        self.ending = tag("div", "actions")
        with self.ending:
            if self.trace.live:
                button("Hang up", self._hang_up, kind="danger")
            self._copy_button()
            if self.trace.runs and self.trace.runs[0].dialplan:
                link("Edit the dialplan", f"/dialplans/{self.trace.runs[0].dialplan}", "button")

    def _facts(self) -> None:
        trace = self.trace
        pairs = [("Began", self.visit.moment(trace.started_at)), ("Id", trace.call)]
        if trace.direction:
            pairs.insert(1, ("Direction", trace.direction))
        if trace.user:
            pairs.insert(2, ("User", trace.user))
        facts(pairs, is_wide=True)
        for words, calls in (
            ("The other half of this call", trace.others),
            ("It called back", trace.callbacks),
        ):
            for call in calls:
                with tag("p"):
                    tag("span", "quiet", f"{words}: ")
                    link(call[:12], f"/calls/{call}")

    def _draw(self) -> None:
        self.body.clear()
        self.lanes, self.columns = _lanes(self.trace)
        self.items = _items(self.trace, self.columns)
        with self.body:
            with card("Messages and script", flush=True):
                if not self.trace.messages_kept:
                    tag("p", "ladder-note", _NOT_KEPT)
                self.ladder = Ladder(self.items, self.lanes)
            with tag("div", "split" if self.trace.runs and self.trace.legs else "stack wide"):
                if self.trace.runs:
                    with tag("div", "stack wide"):
                        for run in self.trace.runs:
                            self._script(run)
                if self.trace.legs:
                    self._legs()
            if self.trace.audio:
                self._audio()

    def _audio(self) -> None:
        with card("Audio"):
            for one in self.trace.audio:
                name = self.trace.names.get(one.leg) or f"leg {one.leg}"
                for words, verdict, why in (
                    (f"{name} hears the caller", one.to_leg, one.to_leg_why),
                    (f"the caller hears {name}", one.to_caller, one.to_caller_why),
                ):
                    with tag("p"):
                        tag("span", "quiet", f"{words}: ")
                        tag("span", "", f"{verdict}: {why}")

    def _script(self, run: RunTraceView) -> None:
        version = "" if run.version is None else f", version {run.version}"
        with card(f"Dialplan {run.dialplan or '(removed)'}{version}", flush=True) as box:
            box.props["data-testid"] = "script-run"
            done: dict[int, list[EffectView]] = {}
            for effect in run.effects:
                done.setdefault(effect.line or 0, []).append(effect)
            with tag("p", "quiet small").style("padding: 0 var(--space-5) var(--space-3)"):
                tag("span", "", f"{run.state}, {run.outcome or 'no outcome yet'}")
            with tag("ol", "script-lines", tabindex="0", role="list", aria_label="Script with what it did"):
                for line in run.lines:
                    ran = line.at is not None or line.line in done
                    with tag("li", "ran" if ran else ""):
                        tag("time", "", "" if line.at is None else f"{line.at:.3f}")
                        tag("span", "number", str(line.line))
                        tag("span", "code", line.text or " ")
                    for effect in done.get(line.line, ()):
                        with tag("li", "did"):
                            tag("time", "", f"{effect.at:.3f}")
                            tag("span", "number", "")
                            came = f" -> {effect.came_of}" if effect.came_of else ""
                            tag("span", "code", f"{effect.told}{came}")

    def _legs(self) -> None:
        rows: list[dict[str, Any]] = [
            {
                "id": str(leg.leg),
                "leg": "caller" if leg.leg == 0 else str(leg.leg),
                "who": bare(self.trace.names.get(leg.leg) or leg.target),
                "heard": {
                    "text": f"{leg.status or ''} {leg.reason or ''}".strip(),
                    "state": status_look(leg.status) or "none",
                },
                "talked": {
                    "text": span(
                        None if leg.answered is None else (leg.ended or leg.answered) - leg.answered
                    ),
                    "under": ended_by(leg.hung_up_by) or "",
                },
            }
            for leg in self.trace.legs
        ]
        columns: list[dict[str, Any]] = [
            {"key": "leg", "label": "Leg", "whole": True},
            {"key": "who", "label": "Who"},
            {"key": "heard", "label": "Response"},
            {"key": "talked", "label": "Talked", "end": True},
        ]
        with card("Legs", flush=True):
            Table("Legs of the call", columns, rows)

    def _copy_dialog(self) -> None:
        with Modal("The call as text", wide=True) as self.copying:
            with tag("div", "diff", tabindex="0"):
                self.text = tag("pre", "text", self.trace.text, id="trace-text")
            with actions(end=True):
                button("Close", self.copying.close)
                button("Copy", kind="main").on("click", js_handler=_COPY)

    # --- while it goes on ---

    async def _hang_up(self) -> None:
        await hang_up(self.visit, self.trace.call)

    async def _keep_up(self) -> None:
        try:
            async for trace in self.visit.usecases.traces.follow(self.visit.actor, self.trace.call):
                self._take(trace)
        except NotFound:  # the records of a test call on the command line go with it
            text(
                self.why,
                "The call is over. It was a test, and no record of it is kept: this is what was seen of it.",
            )
            self._tell_state("over", "")
            self.ending.clear()

    def _tell_state(self, state: str, look: str) -> None:
        self.state._text = state
        self.state.classes(replace=f"pill {look}")
        self.state.update()

    def _take(self, trace: TraceView) -> None:
        before, self.trace = self.trace, trace
        text(self.why, trace.why)
        text(self.text, trace.text)
        self._tell_state(*_standing(trace))
        if before.live and not trace.live:
            self.ending.clear()
            with self.ending:
                self._copy_button()
        lanes, columns = _lanes(trace)
        items = _items(trace, columns)
        only_messages = lanes == self.lanes and before.runs == trace.runs and before.legs == trace.legs
        if only_messages and self.items and items[: len(self.items)] == self.items:
            if fresh := items[len(self.items) :]:
                self.ladder.append(fresh)
            self.items = items
        elif (
            (lanes, items) != (self.lanes, self.items)
            or before.legs != trace.legs
            or before.runs != trace.runs
        ):
            self._draw()

    def _copy_button(self) -> None:
        copying = button("Copy as text", lambda: self.copying.open())
        copying.on("click", js_handler=_COPY)


def _standing(trace: TraceView) -> tuple[str, str]:
    """Return the state of a call as it is shown, and how that looks."""
    state = "held" if trace.held and trace.state == "talking" else trace.state
    return state, _LOOKS.get(state, "")


def _lanes(trace: TraceView) -> tuple[list[str], dict[int, int]]:
    """Return the names of the lanes, and in which of them each leg is: the caller, the switch, who was called."""
    legs = sorted({rung.leg for rung in trace.ladder if rung.leg})
    names = [
        bare(trace.names.get(0)) or "caller",
        "switch",
        *(bare(trace.names.get(leg)) or f"leg {leg}" for leg in legs),
    ]
    return names, {0: 0, **{leg: 2 + number for number, leg in enumerate(legs)}}


def _items(trace: TraceView, columns: dict[int, int]) -> list[dict[str, Any]]:
    """Return everything that happened, in the order of time."""
    no_text = _NO_TEXT[trace.messages_kept]
    found = [_message(rung, columns[rung.leg], no_text) for rung in trace.ladder]
    found += [_effect(effect) for run in trace.runs for effect in run.effects]
    found += [
        {
            "at": at,
            "kind": "restart",
            "look": "",
            "label": "the switch was started again and went on with the call",
        }
        for at in trace.restarts
    ]
    return sorted(found, key=lambda item: item["at"])


def _message(rung: RungView, column: int, no_text: str) -> dict[str, Any]:
    status = int(rung.label[:3]) if _STATUS.match(rung.label) else 0
    return {
        "at": rung.at,
        "kind": "message",
        "from": column if rung.to_switch else 1,
        "to": 1 if rung.to_switch else column,
        "label": rung.label,
        "flow": rung.flow,
        "text": rung.text,
        "why": "" if rung.text else no_text,
        "look": "good"
        if 200 <= status < 300
        else "fail"
        if status >= 300 and status not in _CHALLENGES
        else "",
    }


def _effect(effect: EffectView) -> dict[str, Any]:
    is_dns = effect.function in ("dns", "resolve", "enum_lookup")
    return {
        "at": effect.at,
        "kind": "dns" if is_dns else "effect",
        "line": effect.line,
        "label": effect.told,
        "came": effect.came_of,
        "look": "fail" if effect.function == "failed" else "",
    }
