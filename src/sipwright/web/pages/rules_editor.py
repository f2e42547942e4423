"""Rules for people who do not program: a form for each, which becomes a script in the editor."""

from __future__ import annotations

import json
from typing import Any

from nicegui.element import Element

from sipwright.usecases.errors import Invalid
from sipwright.web.pages.draft import Draft
from sipwright.web.pages.elements import actions, button, note, tag, text
from sipwright.web.pages.widgets import Field

__all__ = ["RulesEditor", "to_toml"]

_ACTIONS = (("dial", "ring"), ("reject", "say no"), ("redirect", "send elsewhere"))
_DIRECTIONS = (("any", "in and out"), ("in", "in"), ("out", "out"))
_NUMBERS = {"ring": float, "status": int}
_ONLY_FOR = {"ring": "dial", "status": "reject", "reason": "reject"}
MOST = 50


class RulesEditor:
    """Rules, tried in order: the next one goes on where the phones of one do not answer."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.rules: list[tuple[Element, dict[str, Field]]] = []

    def build(self) -> None:
        """Make the panel."""
        tag(
            "p", "quiet small",
            "Rules are tried in order; when the phones that one rings do not answer, the next that fits goes on. "
            "They become a script, which you can read and take over.",
        )  # fmt: skip
        self.room = tag("div", "stack")
        with actions():
            button("Add a rule", self._add)
            button("Write the script", self._write, kind="main")
        self.told = note("", "bad", role="alert")
        self._add()

    def _add(self) -> None:
        if len(self.rules) >= MOST:
            text(self.told, f"No more than {MOST} rules; write a script for more.")
            return
        with self.room, tag("fieldset", "card") as box:
            tag("legend", "unseen", f"Rule {len(self.rules) + 1}")
            with tag("div", "fields"):
                fields = {
                    "name": Field("Name of the rule", placeholder="office hours"),
                    "direction": Field("Calls", "any", kind="select", options=_DIRECTIONS),
                    "pattern": Field("Dialled number", placeholder="300, 00353*, _0ZXXX."),
                    "caller": Field("Caller's number", placeholder="any"),
                    "days": Field("Days", placeholder="Mon-Fri"),
                    "time": Field("Time", placeholder="08:00-17:30"),
                    "action": Field("Then", "dial", kind="select", options=_ACTIONS),
                    "to": Field("Whom", placeholder="alice@local & bob@local"),
                    "ring": Field("Ring for, in seconds", placeholder="25"),
                    "status": Field("Response", placeholder="480"),
                    "reason": Field("Reason", placeholder="Closed"),
                }
            rule = (box, fields)
            with actions(end=True):
                button(
                    "Remove", lambda: self._remove(rule), kind="small", unseen=f"rule {len(self.rules) + 1}"
                )
        self.rules.append(rule)

    def _remove(self, rule: tuple[Element, dict[str, Field]]) -> None:
        self.rules.remove(rule)
        rule[0].delete()

    async def _write(self) -> None:
        text(self.told, "")
        visit = self.page.visit
        rules = to_toml([{name: field.value for name, field in fields.items()} for _, fields in self.rules])
        try:
            script = await self.page.plans.compile_rules(visit.actor, rules)
        except Invalid as error:
            text(self.told, f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return
        self.page.put(script)
        visit.say("The script is in the editor. Read it, then save it.")
        await self.page.check()


def to_toml(rules: list[dict[str, Any]]) -> str:
    """Write rules as TOML: what was left empty, and what the action has no use for, says nothing."""
    lines: list[str] = []
    for rule in rules:
        lines.append("[[rule]]")
        for name, value in rule.items():
            typed = str(value).strip()
            if not typed or _ONLY_FOR.get(name, rule["action"]) != rule["action"]:
                continue
            if name == "to" and rule["action"] == "reject":
                continue
            lines.append(f"{name} = {_value(name, typed)}")
    return "\n".join(lines) + "\n"


def _value(name: str, typed: str) -> str:
    kind = _NUMBERS.get(name)
    if kind is not None:
        try:
            return str(kind(typed))
        except ValueError:
            pass
    return json.dumps(typed, ensure_ascii=False)
