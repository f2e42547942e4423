"""What can be typed at the console, at its prompt and behind ``ssh host``: `table.COMMANDS`."""

from __future__ import annotations

__all__: list[str] = []
