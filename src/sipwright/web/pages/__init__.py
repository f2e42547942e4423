"""The pages: what a person sees and steers in a browser. NiceGUI is loaded when they are put on an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sipwright.usecases import UseCases

__all__ = ["install"]


def install(app: FastAPI, usecases: UseCases) -> None:
    """Put the pages on an application, below everything that it has already."""
    from sipwright.web.pages import site

    site.install(app, usecases)
