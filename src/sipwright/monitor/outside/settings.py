"""The file of an outside watcher: who is asked what, how often, and who is told."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sipwright.errors import UserError

__all__ = ["Maintenance", "OutsideSettings", "ServerSettings", "read_settings"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CONFIG = ConfigDict(extra="forbid", populate_by_name=True)


class ServerSettings(BaseModel):
    """``[[server]]``: one server, and what it is asked for.

    `answer` is the status of the call, where a dialplan there refuses it so that nobody is rung; `days` are those that
    a certificate has to be good for.
    """

    model_config = _CONFIG

    name: Annotated[str, Field(min_length=1, max_length=100)]
    options: str = ""
    register_: Annotated[str, Field(alias="register")] = ""
    call: str = ""
    answer: Annotated[int, Field(ge=200, le=699)] = 200
    username: str = ""
    password: str = ""
    https: str = ""
    ssh: str = ""
    srv: str = ""
    certificate: str = ""
    days: Annotated[float, Field(gt=0, le=365)] = 14.0

    @model_validator(mode="after")
    def _asks(self) -> ServerSettings:
        asked = (self.options, self.register_, self.call, self.https, self.ssh, self.srv, self.certificate)
        if not any(asked):
            raise ValueError("asks nothing; give options, register, call, https, ssh, srv or certificate")
        if self.call and not (self.username and self.password):
            raise ValueError("a call needs username and password of an account there")
        if self.https and not self.https.startswith(("http://", "https://")):
            raise ValueError("https is an address such as https://pbx.example.org/healthz")
        return self


class Maintenance(BaseModel):
    """``[[maintenance]]``: when nobody is to be woken, once or every week; `servers` are those meant, all if none."""

    model_config = _CONFIG

    begin: Annotated[datetime | time, Field(alias="from")]
    until: datetime | time
    days: list[Day] = [*DAYS]
    timezone: str = "UTC"
    servers: list[str] = []

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, KeyError, OSError):
            raise ValueError(f"there is no time zone {name!r}; write Europe/Dublin") from None
        return name

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Maintenance:
        if isinstance(self.begin, datetime) is not isinstance(self.until, datetime):
            raise ValueError("from and until are both times of day, or both have a date")
        return self

    def is_on(self, server: str, at: float) -> bool:
        """Return whether that server is being worked on at a time."""
        if self.servers and server not in self.servers:
            return False
        zone = ZoneInfo(self.timezone)
        if isinstance(self.begin, datetime) and isinstance(self.until, datetime):
            begin, until = (
                one if one.tzinfo is not None else one.replace(tzinfo=zone)
                for one in (self.begin, self.until)
            )
            return begin.timestamp() <= at < until.timestamp()
        assert isinstance(self.begin, time)
        assert isinstance(self.until, time)
        now = datetime.fromtimestamp(at, UTC).astimezone(zone)
        for ago in (0, 1):  # one that began yesterday may go on over midnight
            day = (now - timedelta(days=ago)).date()
            if DAYS[day.weekday()] not in self.days:
                continue
            start = datetime.combine(day, self.begin, zone)
            end = datetime.combine(day, self.until, zone)
            if end <= start:
                end += timedelta(days=1)
            if start <= now < end:
                return True
        return False


class OutsideSettings(BaseModel):
    """The whole file."""

    model_config = _CONFIG

    name: Annotated[str, Field(min_length=1, max_length=100)] = "Sipwright"
    every: Annotated[float, Field(ge=1, le=3600)] = 5.0
    losses: Annotated[int, Field(ge=1, le=1000)] = 10
    again: Annotated[float, Field(ge=60)] = 3_600.0
    per_hour: Annotated[int, Field(ge=1)] = 12
    state: str = ""
    alerts: list[str] = []
    dns: str = ""
    server: list[ServerSettings] = []
    maintenance: list[Maintenance] = []

    @model_validator(mode="after")
    def _has_servers(self) -> OutsideSettings:
        if not self.server:
            raise ValueError("there is no [[server]] to watch")
        names = [one.name for one in self.server]
        if len(set(names)) < len(names):
            raise ValueError("two servers have the same name")
        return self

    def is_maintained(self, server: str, at: float) -> bool:
        """Return whether nobody is to be woken for a server at a time."""
        return any(one.is_on(server, at) for one in self.maintenance)


def read_settings(path: Path) -> OutsideSettings:
    """Read the file of a watcher.

    Raises:
        UserError: It is not there, no TOML, or something in it is wrong; the text says what.
    """
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    try:
        return OutsideSettings(**read)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{path}: {where} is not a setting; correct its name or remove it") from None
        said = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{path}: {where + ': ' if where else ''}{said}") from None
