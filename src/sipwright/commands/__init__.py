"""The commands of ``sipwright``, one file per group; ``__main__.py`` puts them together.

A command imports what it needs inside its function, so that ``--help`` answers at once. The docstring of a command is
its help. What cannot be done is a `CommandError`, which says what is wrong and what to do; what Typer would say
itself is a `TyperException`, and another exit status than 0 and 1 an `Exit`.
"""

from __future__ import annotations

__all__: list[str] = []
