"""What people watch the switch with: so far the traces of its calls (``trace/``)."""

from __future__ import annotations

__all__: list[str] = []
