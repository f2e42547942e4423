"""Every function that a script may call. All that is listed of them elsewhere is derived from here, or tested equal.

An entry stands beside its function, in ``call_functions.py`` or ``outside_functions.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic_monty import ClassInstance

from .call_functions import CALL_FUNCTIONS
from .function import Function, Kind, Retry
from .outside_functions import OUTSIDE_FUNCTIONS
from .values import DialResult, Raised

__all__ = [
    "CATALOGUE", "FUNCTIONS", "OUTSIDE", "STORE", "STORE_FUNCTIONS", "STORE_ID", "Function", "Kind", "Retry",
    "read_answer", "retry_of",
]  # fmt: skip

CATALOGUE: dict[str, Function] = {one.name: one for one in (*CALL_FUNCTIONS, *OUTSIDE_FUNCTIONS)}
"""All of them, by the names that scripts call them by."""

_STORE = "store."

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: one.call for name, one in CATALOGUE.items() if not name.startswith(_STORE)
}
"""What a script may call by its name alone; each takes a ``ScriptApi`` first."""

STORE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name.removeprefix(_STORE): one.call for name, one in CATALOGUE.items() if name.startswith(_STORE)
}
"""The methods of ``store``."""

OUTSIDE = frozenset(name for name, one in CATALOGUE.items() if one.retry is not None)
"""What is done outside the call, and can be pretended in a test."""

STORE_ID = UUID(int=0x51B_0001)
"""Names ``store`` in every sandbox; fixed, so that a stored dump still knows it."""


class Store:
    """What ``store`` looks like from inside."""


STORE = ClassInstance(Store(), id=STORE_ID, allowed_methods=tuple(STORE_FUNCTIONS))


def retry_of(name: str) -> Retry:
    """Return what becomes of a command that was interrupted; one that no function asks for now is not done again."""
    known = CATALOGUE.get(name)
    return Retry.NEVER if known is None or known.retry is None else known.retry


def read_answer(name: str, value: Any) -> Any:
    """Turn what the journal kept of a function's value into what the script is given."""
    if name == "dial":
        return DialResult.from_json(value)
    if name == "sleep":
        return None
    if "error" in value:
        return Raised(*value["error"])
    known = CATALOGUE.get(name)
    value = value["value"]
    return value if known is None or known.answer is None else known.answer(value)
