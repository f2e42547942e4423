"""``[web]``, ``[ssh]``, ``[login]``: how people see and steer the switch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .values import Address, Network, PagesUrl, PathPrefix, Section, listen_address

__all__ = ["LoginSettings", "SshSettings", "WebSettings"]


class LoginSettings(Section):
    """``[login]``: how often somebody may try, and for how long they stay logged in, by whatever face.

    A session ends `session_hours` after it was last used, and `session_days` after its log-in at the latest.
    """

    tries_per_name: Annotated[int, Field(ge=1)] = 10
    tries_per_address: Annotated[int, Field(ge=1)] = 20
    tries_minutes: Annotated[float, Field(gt=0, le=1440)] = 5.0
    session_hours: Annotated[float, Field(gt=0)] = 24.0
    session_days: Annotated[float, Field(gt=0)] = 30.0


class WebSettings(Section):
    """``[web]``: where REST and the web pages listen, and behind which proxies.

    `listen` is "" for none at all. `metrics_from` are the networks that may read /metrics without a token, `signup` is
    who may make a user of their own, `public_url` what links in mails begin with.
    """

    listen: Address | Literal[""] = "127.0.0.1:8080"
    certificate: str = ""
    key: str = ""
    trusted_proxies: list[Network] = []
    prefix: PathPrefix = ""
    metrics_from: list[Network] = ["127.0.0.0/8", "::1/128"]
    public_status: bool = False
    connections: Annotated[int, Field(ge=10)] = 2_000
    signup: Literal["closed", "invite", "open"] = "closed"
    public_url: PagesUrl = ""

    @model_validator(mode="after")
    def _has_both(self) -> WebSettings:
        if bool(self.certificate) != bool(self.key):
            missing = "key" if self.certificate else "certificate"
            raise ValueError(f"HTTPS needs certificate and key, and {missing} is empty; name its file (PEM)")
        return self

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen, if anywhere."""
        return listen_address(self.listen) if self.listen else None

    @property
    def scheme(self) -> str:
        """How an address of the pages begins."""
        return "https" if self.certificate else "http"

    @property
    def place(self) -> str:
        """The address of the pages; what a request says of it nobody believes."""
        return self.public_url or f"{self.scheme}://{self.listen}{self.prefix}"


class SshSettings(Section):
    """``[ssh]``: where the console listens, and how many may connect; `listen` is "" for none at all."""

    listen: Address | Literal[""] = "127.0.0.1:2222"
    clients: Annotated[int, Field(ge=1, le=1_000)] = 20
    clients_per_address: Annotated[int, Field(ge=1, le=1_000)] = 2

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen, if anywhere."""
        return listen_address(self.listen) if self.listen else None
