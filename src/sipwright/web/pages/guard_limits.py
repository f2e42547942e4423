"""The dialog on ``/guard`` in which an admin changes what a user's calls may cost, and where they may lead."""

from __future__ import annotations

from sipwright.usecases.errors import Invalid
from sipwright.usecases.guard import GuardView
from sipwright.web.pages.elements import actions, button, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal

__all__ = ["GuardLimits"]

_LIMITS = {
    "money_per_day": ("Money a day", "Empty for what the settings say; unlimited for no limit."),
    "minutes_per_day": ("Minutes a day", "Empty for no limit."),
    "calls_per_hour": ("Calls an hour", "Empty for no limit."),
    "calls_at_once": ("Calls at once", "Empty for no limit."),
}
_OPEN = (
    "Beside ordinary numbers: premium, satellite, high-risk, or countries such as SO; unusual is calls unlike "
    "all others. With a minus what is closed: -abroad, -DE."
)


class GuardLimits:
    """The dialog for one user."""

    def __init__(self, visit: Visit, view: GuardView) -> None:
        self._visit = visit
        self._view = view

    def open(self) -> None:
        """Show it."""
        self._modal.open()

    def build(self) -> None:
        """Make it."""
        view = self._view
        with Modal(f"Limits of {view.name}") as self._modal:
            with tag("div", "fields"):
                self._fields = {
                    name: Field(label, _shown(getattr(view, name)), hint=hint)
                    for name, (label, hint) in _LIMITS.items()
                }
            self._open = Field("Where calls may lead", " ".join(view.destinations), hint=_OPEN)
            with actions(end=True):
                button("Cancel", self._modal.close)
                button("Save limits", self._save, kind="main")

    async def _save(self) -> None:
        if await self._visit.attempt(self._change, **self._fields, destinations=self._open):
            self._visit.go(f"/guard/{self._view.name}")

    async def _change(self) -> None:
        guard, actor, name = self._visit.usecases.guard, self._visit.actor, self._view.name
        wanted = frozenset(str(self._open.value).replace(",", " ").split())
        had = frozenset(self._view.destinations)
        limits = {each: _number(field, each) for each, field in self._fields.items()}
        await guard.limit(actor, "user", name, limits)
        # What is closed has a minus; to close what was open, and to open what was closed, are changes of their own.
        opened = {each for each in wanted - had if not each.startswith("-")}
        opened |= {each[1:] for each in had - wanted if each.startswith("-")}
        closed = {each.lstrip("-") for each in (wanted - had) | (had - wanted)} - opened
        if closed:
            await guard.close(actor, name, sorted(closed))
        if opened:
            await guard.open(actor, name, sorted(opened))


def _shown(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(field: Field, name: str) -> float | int | None:
    text = str(field.value).strip()
    if not text:
        return None
    if text == "unlimited" and name == "money_per_day":
        return -1.0
    try:
        return int(text) if name.startswith("calls_") else float(text)
    except ValueError:
        raise Invalid.of(name, "write a number such as 20, or nothing") from None
