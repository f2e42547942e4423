"""What the sandbox is given to compute."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ..language.values import Inputs
from .program import Script
from .result import Step

__all__ = ["Job"]


@dataclass(slots=True, eq=False)
class Job:
    """One stretch of a script: from its start with ``inputs``, or on from ``snapshot`` with ``answer``.

    A snapshot may need the inputs too: that of a script that was quick to come to its first wait says how it comes
    there again. Only the beginning of a new run (``is_new``) is refused when there is too much to do.
    ``at`` is the Unix time that the script reads all the while, and ``seed`` is where its random numbers begin.
    """

    script: Script
    owner: Hashable
    done: Callable[[Step], None]
    at: float
    seed: str
    inputs: Inputs | None = None
    snapshot: bytes = b""
    answer: Any = None
    is_new: bool = True
