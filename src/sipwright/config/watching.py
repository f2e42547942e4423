"""``[guard]``, ``[monitor]``, ``[mail]``: who is kept away, and who hears of what goes wrong."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .values import Network, Region, Section

__all__ = ["GuardSettings", "MailServerSettings", "MonitorSettings"]


class GuardSettings(Section):
    """``[guard]``: how much whoever comes may send, and who is banned.

    `per_stranger` are messages a second from one address, or /64 of IPv6, of which nobody is known, `all_strangers`
    those of all of them together from which on each may send less, `per_known` those over the flow of a registered
    phone or from a provider; 0 is no limit. Networks in `allow` are never counted, and never banned. `bans` says
    whether the switch bans by itself, for `ban_minutes` first. `region` is the country that users dial from, else that
    of their time zone; `money_per_day` is what each of them may spend at providers with rates, 0 without limit.
    `unusual_calls` says what becomes of calls unlike all others of a user: they are held back until they are confirmed,
    only told of, or not looked for.
    """

    per_stranger: Annotated[float, Field(ge=0)] = 3_000.0
    all_strangers: Annotated[float, Field(ge=0)] = 4_000.0
    per_known: Annotated[float, Field(ge=0)] = 5_000.0
    allow: list[Network] = []
    bans: bool = True
    ban_minutes: Annotated[float, Field(gt=0, le=10_080)] = 10.0
    region: Region = ""
    money_per_day: Annotated[float, Field(ge=0, le=1_000_000)] = 50.0
    unusual_calls: Literal["hold", "tell", "off"] = "hold"

    @property
    def default_money(self) -> int | None:
        """The money of a day of a user who has no limit of their own, in millionths."""
        return round(self.money_per_day * 1_000_000) or None


class MonitorSettings(Section):
    """``[monitor]``: how often a node asks each of its parts whether it works, in seconds, 0 for never; who is told.

    `alerts` are addresses as `apprise` has them; no more than `alerts_per_hour` messages are sent.
    """

    every: Annotated[float, Field(ge=0, le=3600)] = 10.0
    alerts: list[str] = []
    alerts_per_hour: Annotated[int, Field(ge=1, le=1000)] = 12


class MailServerSettings(Section):
    """``[mail]``: the server that takes the mails of scripts; without one there are none."""

    server: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = ""
