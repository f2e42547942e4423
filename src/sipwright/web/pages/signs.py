"""The drawn signs of the navigation: lines in a box of 20, in the colour of the text beside them."""

from __future__ import annotations

from html import escape

__all__ = ["BRAND", "sign"]

_LINES = {
    "switchboard": "M4 4h5v5H4z M11 4h5v5h-5z M4 11h5v5H4z M11 11h5v5h-5z",
    "calls": "M3 5h14 M3 10h14 M3 15h9",
    "dialplans": "M7 5l-4 5 4 5 M13 5l4 5-4 5",
    "accounts": "M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M4 17c0-3.5 2.5-5.5 6-5.5s6 2 6 5.5",
    "providers": (
        "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14z M3 10h14 M10 3c2.5 2 3.5 4.5 3.5 7S12.5 15 10 17 M10 "
        "3C7.5 5 6.5 7.5 6.5 10S7.5 15 10 17"
    ),
    "console": "M3 4h14v12H3z M6 8l2.5 2L6 12 M10.5 12.5h3.5",
    "status": "M3 12l3.5-5 3.5 7 3-9 4 6",
    "users": (
        "M7.5 9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z M2.5 16c0-3 2-4.7 5-4.7s5 1.7 5 4.7 M13 4.3a2.4 "
        "2.4 0 0 1 0 4.5 M14 11.5c2.2.4 3.5 2 3.5 4.5"
    ),
    "guard": "M10 3l6 2.5v4c0 4-2.5 6.5-6 7.5-3.5-1-6-3.5-6-7.5v-4z M7.5 10l2 2 3.5-4",
    "bans": "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14z M5 5l10 10",
    "settings": "M4 6h7 M15 6h1 M4 14h1 M9 14h7 M13 4v4 M7 12v4",
    "me": "M10 3l6 2.5v4c0 4-2.5 6.5-6 7.5-3.5-1-6-3.5-6-7.5v-4z",
    "theme": "M10 3a7 7 0 1 0 0 14z M10 3a7 7 0 0 1 0 14",
    "leave": "M8 4H4v12h4 M9 10h8 M14 7l3 3-3 3",
    "menu": "M3 6h14 M3 10h14 M3 14h14",
}

BRAND = (
    '<svg viewBox="0 0 28 28" aria-hidden="true"><rect width="28" height="28" rx="8" fill="#1f8a70"/>'
    '<path d="M8 19.5c0-3 2.5-3.5 6-4.5s6-1.7 6-4.5M8 8.5h5.5M14.5 19.5H20" fill="none" stroke="#fff" '
    'stroke-width="2.2" stroke-linecap="round"/><circle cx="20" cy="8" r="2" fill="#ffd27a"/>'
    '<circle cx="8" cy="20" r="2" fill="#ffd27a"/></svg>'
)


def sign(name: str) -> str:
    """Return a sign as SVG; it says nothing to those who hear the page."""
    return (
        '<svg class="sign" viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" '
        f'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d="{escape(_LINES[name])}"/></svg>'
    )
