"""The design of the pages: colours, type, space and states, light and dark, each named once.

The files of ``styles/`` lay out what there is and know only these names; so does every component. Whatever stands on a
ground named in `PAIRS` can be read there: their contrast is that of WCAG 2.1 level AA, in both themes.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

__all__ = ["DARK", "EDGES", "LIGHT", "PAIRS", "SCALE", "SHEETS", "STYLESHEET", "STYLESHEET_NAME"]

SHEETS = (
    "base.css", "frame.css", "parts.css", "controls.css", "tables.css", "overlays.css", "switchboard.css", "call.css",
    "editor.css", "charts.css", "console.css", "door.css",
)  # fmt: skip
"""The files of rules, in the order in which they count."""

LIGHT = {
    "ground": "#f4f6f3",  # behind everything
    "surface": "#ffffff",  # cards, tables, dialogs
    "sunken": "#eaeeea",  # table heads, code, what is at rest
    "line": "#d5dcd7",  # between things that belong together
    "edge": "#7d8a83",  # around what can be typed into
    "ink": "#15211c",  # what is read
    "quiet": "#52605a",  # what is read second
    "accent": "#0a6552",  # links, the one button that matters
    "accent-ink": "#ffffff",
    "accent-soft": "#dcefe8",
    "accent-strong": "#084c3e",
    "nav": "#12241e",
    "nav-ink": "#e7efeb",
    "nav-quiet": "#a9bdb4",
    "nav-here": "#23443a",
    "good": "#1a6a37",
    "good-soft": "#dff2e4",
    "busy": "#1f52a0",
    "busy-soft": "#e2ebf9",
    "held": "#6a3d9a",
    "held-soft": "#eee5f7",
    "warn": "#7a4d00",
    "warn-soft": "#fdeecb",
    "bad": "#a5221a",
    "bad-soft": "#fbe6e3",
    "bad-ink": "#ffffff",
    "shadow": "rgb(18 36 30 / 14%)",
    "veil": "rgb(10 20 16 / 45%)",
    "code-word": "#6a3d9a",
    "code-text": "#1a6a37",
    "code-number": "#1f52a0",
    "code-name": "#0a6552",
}

DARK = {
    "ground": "#0d1311",
    "surface": "#151d1a",
    "sunken": "#1e2824",
    "line": "#2d3934",
    "edge": "#7f8f87",
    "ink": "#e9f0ec",
    "quiet": "#a5b4ac",
    "accent": "#56cfa9",
    "accent-ink": "#06231a",
    "accent-soft": "#173d32",
    "accent-strong": "#8be3c8",
    "nav": "#0a100e",
    "nav-ink": "#e7efeb",
    "nav-quiet": "#9db1a8",
    "nav-here": "#1d3a31",
    "good": "#78d695",
    "good-soft": "#16351f",
    "busy": "#8fb9f5",
    "busy-soft": "#172c49",
    "held": "#cba6f0",
    "held-soft": "#322243",
    "warn": "#f0bf5f",
    "warn-soft": "#3a2c0d",
    "bad": "#ff9d94",
    "bad-soft": "#46201c",
    "bad-ink": "#2b0906",
    "shadow": "rgb(0 0 0 / 45%)",
    "veil": "rgb(0 0 0 / 60%)",
    "code-word": "#cba6f0",
    "code-text": "#78d695",
    "code-number": "#8fb9f5",
    "code-name": "#56cfa9",
}

PAIRS = (
    *((ink, ground) for ink in ("ink", "quiet", "accent") for ground in ("ground", "surface", "sunken")),
    *((f"{state}", f"{state}-soft") for state in ("good", "busy", "held", "warn", "bad", "accent")),
    *((state, ground) for state in ("good", "warn", "bad") for ground in ("surface", "ground")),
    *((f"code-{part}", ground) for part in ("word", "text", "number", "name") for ground in ("surface", "sunken")),
    ("ink", "accent-soft"),
    ("ink", "good-soft"),
    ("ink", "bad-soft"),
    ("ink", "warn-soft"),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("bad-ink", "bad"),
    ("nav-ink", "nav"),
    ("nav-quiet", "nav"),
    ("nav-ink", "nav-here"),
)  # fmt: skip
"""What is written on what: at least 4.5 to 1."""

EDGES = (("edge", "surface"), ("edge", "ground"), ("accent", "surface"))
"""Edges by which something is recognised as a field or a button: at least 3 to 1 (WCAG 1.4.11)."""

SCALE = {
    "tiny": "0.75rem",
    "small": "0.8125rem",
    "text": "0.9375rem",
    "large": "1.0625rem",
    "title": "1.25rem",
    "heading": "1.625rem",
    "figure": "2rem",
    "space-1": "0.25rem",
    "space-2": "0.5rem",
    "space-3": "0.75rem",
    "space-4": "1rem",
    "space-5": "1.5rem",
    "space-6": "2.25rem",
    "round": "0.5rem",
    "rounder": "0.875rem",
    "nav-width": "14.5rem",
    "words": '"Inter", "Segoe UI Variable Text", "Segoe UI", -apple-system, BlinkMacSystemFont, "Roboto", sans-serif',
    "signs": 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace',
}


def _values(named: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in named.items())


def _style() -> str:
    """Return the whole style sheet: the names with their values, then the rules that use them."""
    rules = (files(__package__).joinpath("styles", name).read_text("utf-8") for name in SHEETS)
    asked = f":root:not([data-theme=light]) {{ color-scheme: dark; {_values(DARK)} }}"
    return "\n".join(
        (
            f":root {{ color-scheme: light; {_values(LIGHT)} {_values(SCALE)} }}",
            f"@media (prefers-color-scheme: dark) {{ {asked} }}",
            f":root[data-theme=dark] {{ color-scheme: dark; {_values(DARK)} }}",
            *rules,
        )
    )


STYLESHEET = _style()

STYLESHEET_NAME = f"style-{hashlib.sha256(STYLESHEET.encode()).hexdigest()[:12]}.css"
"""It changes with the style sheet: a browser may keep it for ever."""
