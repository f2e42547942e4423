"""One script's text, and what can be known about it before it runs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ..language.values import Call, Inputs, Request
from .fastpath.monty_protocol import Outline, names

__all__ = ["Script", "script"]


MOST_SURPRISES = 3
"""After so many a script is left to the library at once."""


class Script:
    """The source, with the names it mentions: what a script does not mention need not be sent to a worker."""

    __slots__ = (
        "_encoded",
        "_of_call",
        "_of_req",
        "_outline",
        "has_prelude",
        "mentioned",
        "name",
        "source",
        "surprises",
    )

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        # The names are there without import, and `req` only there with all that the script uses of it.
        self.source = _IMPORT.sub("pass ", source)
        self._encoded = self.source.encode("utf-8", "replace")
        self.mentioned = _INPUT_NAMES.intersection(_WORD.findall(source))
        self.has_prelude = self.mentioned >= {"req", "headers"} and "sipsorcery" not in self.mentioned
        self._of_req = None if self.has_prelude else _fields("req", Request, self.source)
        self._of_call = _fields("call", Call, self.source)
        self._outline = self._draw()
        # How often it did what a worker for plain scripts does not know.
        self.surprises = 0 if _SPECIAL.isdisjoint(self.mentioned) else MOST_SURPRISES

    @property
    def is_plain(self) -> bool:
        """Return whether a worker for plain scripts most likely suffices."""
        return self.surprises < MOST_SURPRISES

    @property
    def filename(self) -> str:
        """The interpreter's name for this source."""
        return f"<python-input-{int(self.has_prelude)}>"

    def needed(self, inputs: Inputs) -> Inputs:
        """Return the inputs with what the script mentions, and nothing heavy that it does not."""
        return inputs.including(headers=self.has_prelude, body=self._needs_body)

    @property
    def _needs_body(self) -> bool:
        return "req" in self.mentioned and ("body" in self.mentioned or "sipsorcery" in self.mentioned)

    def globals(self, inputs: Inputs) -> dict[str, Any]:
        """Return the names that the script starts with."""
        given: dict[str, Any] = {}
        if "req" in self.mentioned:
            given["req"] = _only(self._of_req, inputs.request)
        if "call" in self.mentioned:
            given["call"] = _only(self._of_call, inputs.call)
        return given

    def given(self, inputs: Inputs) -> bytes:
        """Return the same names as they are sent to a worker."""
        if self._outline is None:
            return names(self.globals(inputs))
        return self._outline.fill((*inputs.request, *inputs.call))

    def _draw(self) -> Outline | None:
        """Prepare for `given`, where it is known which fields are mentioned."""
        drawn: list[tuple[str, type, tuple[bool, ...], int]] = []
        for name, kind, seen, first in (
            ("req", Request, self._of_req, 0),
            ("call", Call, self._of_call, len(Request._fields)),
        ):
            if name not in self.mentioned:
                continue
            if seen is None:
                return None
            drawn.append((name, kind, seen, first))
        return Outline(drawn)

    def line_of(self, filename: str, start: int) -> int | None:
        """Return the line where a call stands; None inside ``exec`` and the like."""
        if filename != self.filename or not self._encoded:
            return None
        return self._encoded.count(b"\n", 0, start) + 1


def _fields(name: str, kind: type[Request | Call], source: str) -> tuple[bool, ...] | None:
    """Tell which fields of a value the source mentions; None when it does more than mention fields."""
    found = set(re.findall(rf"\b{name}\b(?:\.(\w+))?", source))
    return tuple(field in found for field in kind._fields) if found <= set(kind._fields) else None


def _only(mentioned: tuple[bool, ...] | None, value: Any) -> Any:
    """Leave out of a value what the script cannot see, which would only be carried to the worker and into snapshots."""
    if mentioned is None:
        return value
    return type(value)(*[one if is_seen else "" for one, is_seen in zip(value, mentioned, strict=True)])


@lru_cache(maxsize=1024)
def script(name: str, source: str) -> Script:
    """Return the script of that text; looking at the text is done once."""
    return Script(name, source)


_WORD = re.compile(r"[A-Za-z_]\w*")
_INPUT_NAMES = frozenset({"req", "call", "headers", "body", "random", "sipsorcery", "sipwright"})
_SPECIAL = frozenset({"random", "sipsorcery"})
"""What no plain script mentions: chance begins with a seed, old names have a module of their own."""

_IMPORT = re.compile(r"(?m)^from sipwright import (?!.*\bas\b)[\w, ]+(?=#|$)")

# Named tuples cannot have methods in the sandbox, so who mentions headers pays for two small classes.
PRELUDE = f"""
class Headers:
    def __init__(self, values):
        self._values = values
    def __getitem__(self, name):
        return self._values[name.lower()]
    def get(self, name, default=None):
        return self._values.get(name.lower(), default)
    def __contains__(self, name):
        return name.lower() in self._values
    def __iter__(self):
        return iter(self._values)
    def __str__(self):
        return str(self._values)
    def keys(self):
        return self._values.keys()
    def items(self):
        return self._values.items()
class Request:
    def __init__(self, given):
{"".join(f"        self.{name} = given.{name}" + chr(10) for name in Request._fields if name != "headers")}
        self.headers = Headers(given.headers)
req = Request(req)
"""
