"""What is known of one function that a script may call; ``catalogue.py`` has all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

__all__ = ["Function", "Kind", "Retry"]


class Kind(Enum):
    """When a function has its value."""

    INLINE = "at once, or as a side effect"
    COMMAND = "when the switch, the clock or the world outside has answered: the script is suspended"


class Retry(Enum):
    """What becomes of a command that was under way when the process was killed."""

    SAFE = "it only looks: it is done again"
    TRANSACTIONAL = "it is committed together with its entry in the journal: it is known whether it was done"
    NEVER = "nobody knows whether it was done: the script hears that it was interrupted"


@dataclass(frozen=True, eq=False)
class Function:
    """One function.

    Attributes:
        name: What scripts call it; ``store.get`` is a method of ``store``.
        call: What checks its arguments and returns its value, a side effect or a command; takes a `ScriptApi` first.
        kind: When it has its value.
        retry: Of a command that is done outside the call, what becomes of it after a kill.
        budget: The field of `Limits` that a call of it uses up.
        answer: Makes the value that a script is given of what the journal keeps.
        checked: Where literal arguments are looked at before a script is saved, what stands for those that are not
            literal and have no default; None where they are not looked at.
        dial_strings: Which parameters take what can be dialled.
        carries_secrets: Whether a secret of the owner may stand in what it is given.
    """

    name: str
    call: Callable[..., Any]
    kind: Kind
    retry: Retry | None = None
    budget: str | None = None
    answer: Callable[[Any], Any] | None = None
    checked: Mapping[str, Any] | None = field(default=None, kw_only=True)
    dial_strings: frozenset[str] = field(default=frozenset(), kw_only=True)
    carries_secrets: bool = field(default=False, kw_only=True)

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters, with our own first."""
        return inspect.signature(self.call)
