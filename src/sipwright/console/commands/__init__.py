"""What can be typed at the console, at its prompt and behind ``ssh host``: `table.COMMANDS`.

Whoever types what a command does not know is told by a `UsageError` how it is used.
"""

from __future__ import annotations

__all__: list[str] = []
