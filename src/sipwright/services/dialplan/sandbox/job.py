"""What the sandbox is given to compute."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ..language.values import Inputs
from .program import Program
from .result import Result

__all__ = ["Job"]


@dataclass(slots=True, eq=False)
class Job:
    """One activation of a script: from its start with ``inputs``, or on from a ``continuation`` with ``answer``.

    A continuation may need the inputs too: that of a script that is replayed says how it comes there again. Only the
    beginning of a new run (``is_new``) is refused when there is too much to do.
    ``at`` is the Unix time that the script reads all the while, and ``seed`` is where its random numbers begin.
    """

    program: Program
    owner: Hashable
    done: Callable[[Result], None]
    at: float
    seed: str
    inputs: Inputs | None = None
    continuation: bytes = b""
    answer: Any = None
    is_new: bool = True
    since: float = 0.0
    seconds: float = 0.0

    @property
    def begins(self) -> bool:
        """Whether it is the beginning of a new run."""
        return self.is_new and not self.continuation
