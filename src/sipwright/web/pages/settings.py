"""``/settings``: what is set and where it came from; it is changed in the file, so that the file tells the truth."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.settings import SettingView
from sipwright.web.pages.elements import card
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "name", "label": "Setting"},
    {"key": "value", "label": "Value"},
    {"key": "origin", "label": "From"},
)
_ORIGINS = {"default": "the default", "file": "sipwright.toml", "environment": "the environment"}


async def show(visit: Visit) -> None:
    """Make the page."""
    found = await visit.usecases.settings.list(visit.actor)
    about = "What is set and where it came from. Change sipwright.toml in the data folder, then start the switch again."
    with frame(visit, "Settings", about):
        for section in dict.fromkeys(setting.section for setting in found):
            rows = [_row(setting) for setting in found if setting.section == section]
            with card(f"[{section}]", flush=True):
                Table(f"Settings of {section}", _COLUMNS, rows, testid="setting")


def _row(setting: SettingView) -> dict[str, Any]:
    return {
        "id": f"{setting.section}.{setting.name}",
        "name": {"text": setting.name, "code": True, "under": setting.about},
        "value": {"text": str(setting.value), "code": True},
        "origin": {"text": _ORIGINS.get(setting.origin, setting.origin), "under": setting.place},
    }
