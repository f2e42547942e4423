"""One script's text with that of all that it imports, and what can be known about it before it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sipwright.services.linking import Linked, LinkError, Module, link, listed, where

from ..language.values import Call, Inputs, Request

__all__ = ["FIRST", "PRELUDE", "Program", "program"]


class Program:
    """The source, with the names it mentions: what a script does not mention need not be sent to a worker.

    What it imports is fed before it, as the `prelude`, and so is what makes headers those of a message.
    """

    __slots__ = (
        "_encoded", "_places", "_prelude", "_whole", "fallbacks", "has_headers", "is_special", "mentioned", "name",
        "prelude", "seen", "size", "source",
    )  # fmt: skip

    def __init__(self, name: str, source: str, modules: Sequence[Module] = ()) -> None:
        self.name = name
        self._whole = (source, modules)
        self.size = len(source) + sum(len(module.source) for module in modules)
        try:
            linked = link(source, modules)
        except LinkError:  # what cannot be imported is told where it is imported
            linked = Linked(source, "", ())
        # The names are there without import, and `req` only there with all that the script uses of it.
        self.source = linked.source
        self._encoded = self.source.encode("utf-8", "replace")
        text = "\n".join([source, *(module.source for module in modules)])
        self.mentioned = _INPUT_NAMES.intersection(_WORD.findall(text))
        self.has_headers = self.mentioned >= {"req", "headers"} and "sipsorcery" not in self.mentioned
        head = PRELUDE if self.has_headers else ""
        self.prelude = head + linked.prelude
        self._prelude = self.prelude.encode("utf-8", "replace")
        self._places = [(module, first + head.count("\n")) for module, first in linked.places]
        self.seen = {
            "req": None if self.has_headers else _fields("req", Request, text),
            "call": _fields("call", Call, text),
        }
        """Of each of the two values which fields the script sees; None where it may see all."""
        self.is_special = not _SPECIAL.isdisjoint(self.mentioned)
        """It needs what only the library gives: chance that begins with a seed, a module of old names."""
        self.fallbacks = 0
        """How often the fast path left it to the library."""

    @property
    def filename(self) -> str:
        """The interpreter's name for this source."""
        return f"<python-input-{int(bool(self.prelude))}>"

    def needed(self, inputs: Inputs) -> Inputs:
        """Return the inputs with what the script mentions, and nothing heavy that it does not."""
        return inputs.including(headers=self.has_headers, body=self._needs_body)

    @property
    def _needs_body(self) -> bool:
        return "req" in self.mentioned and ("body" in self.mentioned or "sipsorcery" in self.mentioned)

    def globals(self, inputs: Inputs) -> dict[str, Any]:
        """Return the names that the script starts with."""
        given: dict[str, Any] = {}
        if "req" in self.mentioned:
            given["req"] = _only(self.seen["req"], inputs.request)
        if "call" in self.mentioned:
            given["call"] = _only(self.seen["call"], inputs.call)
        return given

    def line_of(self, filename: str, start: int) -> int | None:
        """Return the line of the listing where a call stands; None inside ``exec`` and the like."""
        text = self._encoded if filename == self.filename else self._prelude
        return self.listed_line(filename, text.count(b"\n", 0, start) + 1) if self._encoded else None

    def listed_line(self, filename: str, line: int) -> int | None:
        """Return the line of the listing for one of a text that the interpreter has; None for what nobody wrote."""
        if filename == self.filename:
            return line
        if not self._places or filename != FIRST:
            return None
        for module, first in self._places:
            if 0 <= line - first <= module.source.count("\n"):
                return listed((module.name, line - first + 1), *self._whole)
        return None

    def where(self, line: int) -> str:
        """Say where a line of the listing is: ``line 3``, or ``line 3 of common``."""
        return where(line, *self._whole)


def _fields(name: str, kind: type[Request | Call], source: str) -> tuple[bool, ...] | None:
    """Tell which fields of a value the source mentions; None when it does more than mention fields."""
    found = set(re.findall(rf"\b{name}\b(?:\.(\w+))?", source))
    return tuple(field in found for field in kind._fields) if found <= set(kind._fields) else None


def _only(mentioned: tuple[bool, ...] | None, value: Any) -> Any:
    """Leave out of a value what the script cannot see, which would only be carried to the worker and into dumps."""
    if mentioned is None:
        return value
    return type(value)(*[one if is_seen else "" for one, is_seen in zip(value, mentioned, strict=True)])


@lru_cache(maxsize=1024)
def program(name: str, source: str, modules: tuple[Module, ...] = ()) -> Program:
    """Return the script of that text, with what it imports; looking at the texts is done once."""
    return Program(name, source, modules)


_WORD = re.compile(r"[A-Za-z_]\w*")
_INPUT_NAMES = frozenset({"req", "call", "headers", "body", "random", "sipsorcery", "sipwright"})
_SPECIAL = frozenset({"random", "sipsorcery"})
FIRST = "<python-input-0>"
"""The interpreter's name for what it is fed first."""

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
