"""``[database]``, ``[trace]``, ``[retention]``, ``[log]``: what is kept, where, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .values import Section

__all__ = ["DatabaseSettings", "LogSettings", "RetentionSettings", "TraceSettings"]


class DatabaseSettings(Section):
    """``[database]``: where everything is kept."""

    url: str = "sqlite:///sipwright.db"
    synchronous: Literal["normal", "full"] = "normal"
    accounts_in_memory: Annotated[int, Field(ge=1)] = 250_000


class TraceSettings(Section):
    """``[trace]``: whose SIP messages are kept for `sipwright trace`, for how many days and in how much room."""

    calls: Literal["scripted", "all", "off"] = "scripted"
    days: Annotated[float, Field(gt=0)] = 7.0
    megabytes: Annotated[int, Field(ge=1)] = 500


class RetentionSettings(Section):
    """``[retention]``: for how many days what is over is kept; 0 is for ever."""

    cdrs: Annotated[float, Field(ge=0)] = 365.0
    executions: Annotated[float, Field(ge=0)] = 30.0
    versions: Annotated[float, Field(ge=0)] = 365.0
    audit: Annotated[float, Field(ge=0)] = 365.0


class LogSettings(Section):
    """``[log]``: how much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
