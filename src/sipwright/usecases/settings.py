"""Settings: what is set and where it came from; only an admin sees them, and nobody the secrets."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from sipwright.config import CONFIG_FILE, Settings, place_of_setting
from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import needs

__all__ = ["SettingView", "SettingsShown"]

HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting; `origin` is ``file``, ``environment`` or ``default``, `place` the line or the variable."""

    section: str
    name: str
    value: Any
    origin: str
    place: str | None
    about: str


class SettingsShown:
    """Shows what is set."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read", admin=True)
    async def list(self, actor: Actor) -> tuple[SettingView, ...]:
        """List all settings, by section, as this process has read them."""
        return tuple(_views(self._ground.settings))


def _views(settings: Settings) -> Iterator[SettingView]:
    path = settings.data_dir / CONFIG_FILE
    in_file = _in_file(path)
    for section, values in settings.model_dump().items():
        if not isinstance(values, dict):
            yield _view(path, in_file, "", section, values, "the name of this switch")
            continue
        about = _about(type(getattr(settings, section)))
        for name, value in values.items():
            yield _view(path, in_file, section, name, value, about)


def _about(section: type) -> str:
    """Return what a section is of: the first sentence of its class, without the name and the marks of code."""
    first = (section.__doc__ or "").strip().splitlines()[0]
    return first.partition("``: ")[2].replace("`", "")


def _view(
    path: Path, in_file: dict[str, Any], section: str, name: str, value: Any, about: str
) -> SettingView:
    variable = "_".join(filter(None, ("SIPWRIGHT", f"{section}_" if section else "", name))).upper()
    names = {key.upper() for key in os.environ}
    whole = f"SIPWRIGHT_{section or name}".upper()
    known = in_file.get(section, {}) if section else in_file
    if variable in names or whole in names:
        origin, place = "environment", variable if variable in names else whole
    elif isinstance(known, dict) and name in known:
        origin, place = "file", place_of_setting(path, section, name)
    else:
        origin, place = "default", None
    return SettingView(section, name, _shown(name, value), origin, place, about)


def _shown(name: str, value: Any) -> Any:
    """Hide what is secret."""
    if name == "password":
        return HIDDEN if value else value
    if name == "url":
        try:
            return make_url(value).render_as_string(hide_password=True)
        except ArgumentError:
            return HIDDEN
    return value


def _in_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
