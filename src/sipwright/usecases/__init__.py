"""What people do with a switch, whatever the face, and who may do it.

Names are loaded when first asked for: SQLAlchemy is slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipwright.usecases.actor import Actor
    from sipwright.usecases.page import Page
    from sipwright.usecases.usecases import UseCases

_HOMES = {"Actor": "actor", "Page": "page", "UseCases": "usecases"}

__all__ = ["Actor", "Page", "UseCases"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
