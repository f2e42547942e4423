"""The commands of ``sipwright``, one file per group; ``__main__.py`` puts them together.

A command imports what it needs inside its function, so that ``--help`` answers at once.
"""

from __future__ import annotations

__all__: list[str] = []
