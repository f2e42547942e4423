"""``/settings``: what is set and where it came from; it is changed in the file, so that the file tells the truth."""

from __future__ import annotations

import json
from typing import Any

from sipwright.usecases.settings import SettingView
from sipwright.web.pages.elements import card, tag
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "name", "label": "Setting", "share": "25%"},
    {"key": "value", "label": "Value", "share": "40%"},
    {"key": "origin", "label": "From"},
)
_ORIGINS = {"default": "the default", "file": "sipwright.toml", "environment": "the environment"}


async def show(visit: Visit) -> None:
    """Make the page."""
    found = await visit.usecases.settings.list(visit.actor)
    about = "What is set and where it came from. Change sipwright.toml in the data folder, then start the switch again."
    with frame(visit, "Settings", about):
        for section in dict.fromkeys(setting.section for setting in found):
            inside = [setting for setting in found if setting.section == section]
            with card(f"[{section}]" if section else "Above all sections", flush=True):
                tag(
                    "p",
                    "quiet inset",
                    f"{inside[0].about[:1].upper()}{inside[0].about[1:]}".rstrip(".") + ".",
                )
                Table(
                    f"Settings of {section}" if section else "Settings above all sections",
                    _COLUMNS,
                    [_row(setting) for setting in inside],
                    testid="setting",
                )


def _row(setting: SettingView) -> dict[str, Any]:
    return {
        "id": f"{setting.section}.{setting.name}",
        "name": {"text": setting.name, "code": True},
        "value": {"text": _written(setting.value), "code": True},
        "origin": {"text": _ORIGINS.get(setting.origin, setting.origin), "under": setting.place},
    }


def _written(value: Any) -> str:
    """Write a value as it stands in the file; a table, which has lines of its own there, as in the environment."""
    return json.dumps(value, ensure_ascii=False)
