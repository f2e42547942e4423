"""What is said of a setting that is wrong: where it stands, and what to write instead."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from .names import advice, names_in

__all__ = ["explain", "place_of_setting", "unreadable_variables"]


_PLAIN = {
    **dict.fromkeys(("float_parsing", "float_type"), "this is not a number"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "this is not a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "this is neither true nor false"),
    "string_type": "this is not a text in quotes",
}
"""What is said in plainer words than those of the library that reads settings."""


def unreadable_variables(error: SettingsError) -> str:
    """Name the variables that may be meant: the error knows the section only."""
    section = str(error).partition('field "')[2].partition('"')[0].upper()
    found = [name for name in os.environ if name.startswith(f"SIPWRIGHT_{section}") and not _is_json(name)]
    return ", ".join(sorted(found)) or str(error)


def _is_json(variable: str) -> bool:
    try:
        json.loads(os.environ[variable])
    except ValueError:
        return False
    return True


def explain(error: ValidationError, path: Path, defaults: BaseModel) -> str:
    """Say in one line what the first mistake is; `defaults` show how the setting is written."""
    first = error.errors()[0]
    section, *rest = (str(part) for part in first["loc"])
    name = f"[{section}] {rest[0]}" if rest else section
    variable = "SIPWRIGHT_" + "__".join([section, *rest[:1]]).upper()
    where = (
        f"environment variable {variable}"
        if variable in os.environ
        else f"{_place(path, section, rest)}: {name}"
    )
    if first["type"] == "extra_forbidden":
        return f"{where} is not a setting; {_meant(section, rest, type(defaults))}"
    message = _PLAIN.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}{_written(section, rest, defaults)}"


def _meant(section: str, rest: list[str], settings: type[BaseModel]) -> str:
    """Say which setting may be meant: one of the section, or the same name in another one."""
    if not rest:
        return advice(section, settings.model_fields)
    elsewhere = [one for one in settings.model_fields if rest[0] in names_in(settings, one)]
    if elsewhere:
        return f"it stands in [{elsewhere[0]}]"
    return advice(rest[0], names_in(settings, section))


def _written(section: str, rest: list[str], defaults: BaseModel) -> str:
    """Show how a setting is written, by its default."""
    values = getattr(defaults, section, None)
    usual = getattr(values, rest[0], None) if rest else values
    if isinstance(usual, BaseModel) or usual is None:
        return ""
    return f"; write it as {rest[0] if rest else section} = {json.dumps(usual)}"


def place_of_setting(path: Path, section: str, name: str) -> str:
    """Name the file and the line of a setting; `section` is empty for what stands before all sections."""
    return _place(path, section, [name]) if section else _place(path, name, [])


def _place(path: Path, section: str, rest: list[str]) -> str:
    """Name the file and the line of a setting, where it stands there as people write it."""
    key = re.compile(rf"\s*[\"']?{re.escape(rest[0] if rest else section)}[\"']?\s*=")
    head = re.compile(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*\]")
    is_inside = not rest
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return str(path)
    for number, line in enumerate(lines, 1):
        if head.match(line):
            if not rest:
                return f"{path}, line {number}"
            is_inside = True
        elif line.lstrip().startswith("["):
            is_inside = False
        elif is_inside and key.match(line):
            return f"{path}, line {number}"
    return str(path)
