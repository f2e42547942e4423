"""The places in the code that a page names: `stack/receiver.py:Receiver.receive`, below `src/sipwright`."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sipwright"

_PLACE = re.compile(r"`([\w/]+)\.(pyi?)(?::([\w.]+)(?:\((\w+)\))?)?`")


class Place(NamedTuple):
    """A file, perhaps with a name in it, and perhaps with a parameter of that name."""

    file: str
    name: str | None
    parameter: str | None

    def __str__(self) -> str:
        return (
            self.file
            + (f":{self.name}" if self.name else "")
            + (f"({self.parameter})" if self.parameter else "")
        )


def places(text: str) -> list[Place]:
    """Find the places that a text names; of files elsewhere in the repository only those that say so are left out."""
    found = [
        Place(f"{path}.{ending}", name, parameter) for path, ending, name, parameter in _PLACE.findall(text)
    ]
    return [Place(file, name or None, parameter or None) for file, name, parameter in found]


def value_of(place: Place) -> Any:
    """Import what a place names; of a field or a parameter, return its default.

    Raises:
        AssertionError: There is no such thing.
    """
    path = SOURCE / place.file
    if not path.exists():
        path = ROOT / place.file
    assert path.exists(), f"there is no file {place.file}"
    if place.name is None:
        return None
    relative = path.relative_to(SOURCE.parent).with_suffix("")
    found: Any = importlib.import_module(".".join(relative.parts))
    *owners, last = place.name.split(".")
    for name in owners:
        assert hasattr(found, name), f"there is no {place}"
        found = getattr(found, name)
    defaults = (
        {field.name: field.default for field in dataclasses.fields(found)}
        if dataclasses.is_dataclass(found)
        else {}
    )
    if last in defaults:
        return defaults[last]
    if last in getattr(found, "model_fields", {}):
        return found.model_fields[last].default
    assert hasattr(found, last), f"there is no {place}"
    found = getattr(found, last)
    return inspect.signature(found).parameters[place.parameter].default if place.parameter else found
