"""Every function that a script may call, by the name that it calls it by."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic_monty import ClassInstance

from . import outside_functions
from .call_functions import ScriptApi

__all__ = ["FUNCTIONS", "SIGNATURES", "STORE", "STORE_FUNCTIONS", "STORE_ID"]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(ScriptApi, name)
    for name in (
        "dial", "leg", "respond", "progress", "redirect", "hangup_after", "log", "e164", "now", "sleep",
    )
} | {
    name: getattr(outside_functions, name)
    for name in (
        "enum_lookup", "is_registered", "bindings", "http_get", "http_post", "email", "send_message", "callback",
    )
}  # fmt: skip
"""What a script may call, by name; each takes a ``ScriptApi`` first."""

STORE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(outside_functions, f"store_{name}")
    for name in ("get", "set", "delete", "add", "replace", "keys")
}
"""The methods of ``store``."""

STORE_ID = UUID(int=0x51B_0001)
"""Names ``store`` in every sandbox; fixed, so that a stored snapshot still knows it."""


class Store:
    """What ``store`` looks like from inside."""


STORE = ClassInstance(Store(), id=STORE_ID, allowed_methods=tuple(STORE_FUNCTIONS))

SIGNATURES = {name: inspect.signature(function) for name, function in FUNCTIONS.items()} | {
    f"store.{name}": inspect.signature(function) for name, function in STORE_FUNCTIONS.items()
}
