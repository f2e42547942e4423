"""The settings: ``sipwright.toml`` in the data folder, overridden by environment variables.

``[sip] udp`` in the file is ``SIPWRIGHT_SIP__UDP`` in the environment, with its value in JSON.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from sipwright.errors import UserError

if TYPE_CHECKING:
    from sipwright.services.dialplan import Limits
    from sipwright.services.policy import Policy

__all__ = [
    "CONFIG_FILE",
    "KEY_FILE",
    "SIP_CERTIFICATE",
    "SIP_KEY",
    "TRANSPORTS",
    "CertificateSettings",
    "ClusterSettings",
    "ConfigError",
    "DatabaseSettings",
    "DialplanSettings",
    "GuardSettings",
    "LogSettings",
    "LoginSettings",
    "MailServerSettings",
    "RetentionSettings",
    "Settings",
    "SipSettings",
    "SshSettings",
    "TraceSettings",
    "WebSettings",
    "listen_address",
    "place_of_setting",
]

CONFIG_FILE = "sipwright.toml"

MOST_WORKERS = 64
KEY_FILE = "sipwright.key"
SIP_CERTIFICATE = "sip-certificate.pem"
SIP_KEY = "sip-key.pem"

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
"""What SIP may be spoken over, as the settings name it."""


class ConfigError(UserError):
    """Say in one line which setting is wrong and what to write instead."""


def listen_address(text: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 address stands in brackets, as in ``[::]:5060``."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address; write HOST:PORT, such as 0.0.0.0:5060 or [::]:5060")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address; write one, such as 0.0.0.0 or [::]") from None
    if ":" in bare and not host.startswith("["):
        raise ValueError(f"{text!r} needs brackets around its IPv6 address; write [{bare}]:{port}")
    return bare, int(port)


def _checked_address(text: str) -> str:
    listen_address(text)
    return text


def _checked_ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


def _checked_network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a network; write one, such as 10.1.0.0/16") from None


def _checked_number(text: str) -> str:
    if not text or not set(text) <= set("0123456789*#+"):
        raise ValueError(f"{text!r} is not a number; write it as it is dialled, such as 112")
    return text


def _checked_region(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}|", text):
        raise ValueError(f"{text!r} is not a country; write two letters, such as IE")
    return text.upper()


def _checked_prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", text):
        raise ValueError(f"{text!r} is not the beginning of a path; write one such as /sipwright")
    return text


def _checked_node(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError(
            f"{text!r} is no name for a node; write letters, digits, dots and hyphens, such as node2"
        )
    return text


def _checked_origin(text: str) -> str:
    if not re.fullmatch(r"\*|https?://[^\s/?#@]+", text):
        raise ValueError(
            f'{text!r} is not the origin of pages; write one such as https://phone.example.org, or "*"'
        )
    return text.lower()


def _checked_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError(
            f"{text!r} is not the address of the pages; write one such as https://sip.example.org"
        )
    return text.rstrip("/")


def _checked_host(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?", text):
        raise ValueError(f"{text!r} is no name of a host; write one such as north.example.org")
    return text


def _checked_bus(text: str) -> str:
    if text and not all(re.fullmatch(r"\s*(nats|tls)://[^\s,/]+/?\s*", one) for one in text.split(",")):
        raise ValueError(f"{text!r} is no address of NATS; write one such as nats://10.0.0.3:4222")
    return text


def worker_name(node: str, number: int) -> str:
    """Return the name of a worker as a node: that of the switch for the first one."""
    return node if number <= 1 else f"{node}+{number}"


def worker_dir(data_dir: Path, number: int) -> Path:
    """Return the folder of what only one worker has."""
    return data_dir if number <= 1 else data_dir / f"worker{number}"


Address = Annotated[str, AfterValidator(_checked_address)]
Network = Annotated[str, AfterValidator(_checked_network)]
Origin = Annotated[str, AfterValidator(_checked_origin)]
EmergencyNumber = Annotated[str, AfterValidator(_checked_number)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CertificateSettings(_Section):
    """``[[sip.certificates]]``: the files (PEM) of one more certificate, for who asks for a name that it has."""

    certificate: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]


class SipSettings(_Section):
    """``[sip]``: where the switch listens, what it serves, how long registrations last.

    `networks` are those inside that scripts and strangers may have it send to. `certificate` and `key` are shown over
    TLS, one of `certificates` to who asks for its name; `authorities` are believed beside those of the system, and of
    `client_authorities` certificates are asked for. `origins` are the sites whose pages may open WebSockets.
    `session_expires` and `min_se` are of session timers (RFC 4028), and `probe` is how often an end is asked whether it
    is there that has none.
    """

    udp: list[Address] = ["0.0.0.0:5060"]
    tcp: list[Address] = ["0.0.0.0:5060"]
    tls: list[Address] = []
    ws: list[Address] = []
    wss: list[Address] = []
    certificate: Annotated[str, Field(min_length=1)] = SIP_CERTIFICATE
    key: Annotated[str, Field(min_length=1)] = SIP_KEY
    certificates: list[CertificateSettings] = []
    authorities: str = ""
    client_authorities: str = ""
    origins: list[Origin] = []
    domains: list[str] = []
    public_address: Annotated[str, AfterValidator(_checked_ip)] | None = None
    networks: list[Network] = []
    calls_per_account: Annotated[int, Field(ge=1)] = 500
    max_bindings: Annotated[int, Field(ge=1, le=100)] = 10
    min_expires: Annotated[int, Field(ge=1, le=3600)] = 60
    max_expires: Annotated[int, Field(ge=60, le=86400)] = 3600
    nat_expires: Annotated[int, Field(ge=30, le=3600)] = 120
    emergency: list[EmergencyNumber] = ["112", "911", "999", "000", "110", "119"]
    answer_within: Annotated[float, Field(ge=0, le=32)] = 4.0
    longest_call: Annotated[float, Field(ge=0, le=86_400)] = 14_400.0
    session_expires: Annotated[int, Field(ge=0, le=86_400)] = 1800
    min_se: Annotated[int, Field(ge=90, le=86_400)] = 90
    probe: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    accept: Literal["anyone", "trunks"] = "anyone"
    dns: Address | None = None
    keep_alive: Literal["off", "empty", "options"] = "off"

    @model_validator(mode="after")
    def _listens(self) -> SipSettings:
        if not self.listens:
            raise ValueError("udp and tcp are both empty, so nobody could reach the switch; give an address")
        return self

    @model_validator(mode="after")
    def _refreshes(self) -> SipSettings:
        if 0 < self.session_expires < self.min_se:
            raise ValueError(
                f"session_expires = {self.session_expires} is less than min_se = {self.min_se}; give a longer one, or "
                "0 for no session timers"
            )
        return self

    @property
    def listens(self) -> list[tuple[str, str]]:
        """Where to listen, as transports with their addresses, the usual ones first."""
        return [(name, text) for name in TRANSPORTS for text in getattr(self, name)]

    def addresses(self, transport: str) -> list[tuple[str, int]]:
        """Where to listen on a transport."""
        return [listen_address(text) for text in getattr(self, transport)]


_PolicyParties = list[Literal["phones", "trunks", "strangers"]]


class ProviderPolicySettings(_Section):
    """``[policy.providers.NAME]``: what a provider may ask for, where that differs."""

    refer: bool | None = None
    redirect: bool | None = None
    replace: bool | None = None
    message: bool | None = None


class DomainPolicySettings(_Section):
    """``[policy.domains."NAME"]``: who may ask for what of the accounts of a domain, where that differs."""

    refer: _PolicyParties | None = None
    redirect: _PolicyParties | None = None
    replace: _PolicyParties | None = None
    message: _PolicyParties | None = None
    subscribe: list[Literal["phones"]] | None = None


class PolicySettings(_Section):
    """``[policy]``: who may ask for what, beyond calling; `sipwright policy` shows it."""

    refer: _PolicyParties = ["phones"]
    redirect: _PolicyParties = ["phones", "trunks", "strangers"]
    replace: _PolicyParties = ["phones"]
    message: _PolicyParties = ["phones", "trunks", "strangers"]
    subscribe: list[Literal["phones"]] = ["phones"]
    domains: dict[str, DomainPolicySettings] = {}
    providers: dict[str, ProviderPolicySettings] = {}

    def as_policy(self) -> Policy:
        """Return the table."""
        from sipwright.services.policy import ACTIONS, Policy

        domains = {name: own.model_dump(exclude_none=True) for name, own in self.domains.items()}
        providers = {name: own.model_dump(exclude_none=True) for name, own in self.providers.items()}
        return Policy({name: tuple(getattr(self, name)) for name in ACTIONS}, domains, providers)


class StunSettings(_Section):
    """``[stun]``: where STUN is answered beside the UDP addresses of SIP, which do so anyway.

    Two addresses with nothing in common, such as 192.0.2.1:3478 and 192.0.2.2:3479, make four sockets, with which
    `sipwright nat-check` and other clients find out what a NAT does.
    """

    listen: list[Address] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where to listen."""
        return [listen_address(text) for text in self.listen]


class DatabaseSettings(_Section):
    """``[database]``: where everything is kept."""

    url: str = "sqlite:///sipwright.db"
    synchronous: Literal["normal", "full"] = "normal"
    accounts_in_memory: Annotated[int, Field(ge=1)] = 250_000


class ClusterSettings(_Section):
    """``[cluster]``: several switches on one PostgreSQL or MariaDB, each with a name (`node`) and a data folder.

    One of which nothing was heard for `lost_after` seconds is lost: another one goes on with its calls. `edge` is where
    the others reach this one over UDP, "" for the first address of ``[sip] udp``. With `nats` (``nats://HOST:4222``,
    more than one behind commas) events, and what one node asks another one for, come at once; without it each looks for
    them several times a second. `host`, `public`, `priority` and `weight` are what ``sipwright dns`` makes this
    node's records of: its name, its addresses, and its place and share among the others (RFC 2782).
    """

    lost_after: Annotated[float, Field(ge=2, le=300)] = 10.0
    edge: Address | Literal[""] = ""
    nats: Annotated[str, AfterValidator(_checked_bus)] = ""
    host: Annotated[str, AfterValidator(_checked_host)] = ""
    public: list[Annotated[str, AfterValidator(_checked_ip)]] = []
    priority: Annotated[int, Field(ge=0, le=65_535)] = 10
    weight: Annotated[int, Field(ge=0, le=65_535)] = 50


class RunSettings(_Section):
    """``[run]``: how many processes the switch consists of, at best one for each core; all have the same ports."""

    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1


class DialplanSettings(_Section):
    """``[dialplan]``: the sandbox's workers, and what one run of a script and all runs of one user may use."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    seconds: Annotated[float, Field(gt=0)] = 2.0
    memory: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    dials: Annotated[int, Field(ge=1)] = 20
    total_seconds: Annotated[float, Field(gt=0)] = 300.0
    http_requests: Annotated[int, Field(ge=0)] = 10
    lookups: Annotated[int, Field(ge=0)] = 50
    store_calls: Annotated[int, Field(ge=0)] = 100
    emails: Annotated[int, Field(ge=0)] = 3
    messages: Annotated[int, Field(ge=0)] = 5
    callbacks: Annotated[int, Field(ge=0)] = 3
    recycle: Annotated[int, Field(ge=1)] = 1000
    fast_path: bool = True
    user_runs: Annotated[int, Field(ge=1)] = 200
    user_runs_per_minute: Annotated[int, Field(ge=1)] = 600
    user_seconds_per_minute: Annotated[float, Field(gt=0)] = 60.0
    http_networks: list[Network] = []
    enum_zones: list[str] = ["e164.arpa"]

    def limits(self) -> Limits:
        """Return the budgets that each run has."""
        from sipwright.services.dialplan import Limits

        names = [part.name for part in fields(Limits) if part.name in type(self).model_fields]
        return Limits(**{name: getattr(self, name) for name in names})


class TraceSettings(_Section):
    """``[trace]``: whose SIP messages are kept for `sipwright trace`, for how many days and in how much room."""

    calls: Literal["scripted", "all", "off"] = "scripted"
    days: Annotated[float, Field(gt=0)] = 7.0
    megabytes: Annotated[int, Field(ge=1)] = 500


class RetentionSettings(_Section):
    """``[retention]``: for how many days what is over is kept; 0 is for ever."""

    cdrs: Annotated[float, Field(ge=0)] = 365.0
    executions: Annotated[float, Field(ge=0)] = 30.0
    versions: Annotated[float, Field(ge=0)] = 365.0
    audit: Annotated[float, Field(ge=0)] = 365.0


class MonitorSettings(_Section):
    """``[monitor]``: how often a node asks each of its parts whether it works, in seconds, 0 for never; who is told.

    `alerts` are addresses as `apprise` has them; no more than `alerts_per_hour` messages are sent.
    """

    every: Annotated[float, Field(ge=0, le=3600)] = 10.0
    alerts: list[str] = []
    alerts_per_hour: Annotated[int, Field(ge=1, le=1000)] = 12


class LoginSettings(_Section):
    """``[login]``: how often somebody may try, and for how long they stay logged in, by whatever face.

    A session ends `session_hours` after it was last used, and `session_days` after its log-in at the latest.
    """

    tries_per_name: Annotated[int, Field(ge=1)] = 10
    tries_per_address: Annotated[int, Field(ge=1)] = 20
    tries_minutes: Annotated[float, Field(gt=0, le=1440)] = 5.0
    session_hours: Annotated[float, Field(gt=0)] = 24.0
    session_days: Annotated[float, Field(gt=0)] = 30.0


class GuardSettings(_Section):
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
    region: Annotated[str, AfterValidator(_checked_region)] = ""
    money_per_day: Annotated[float, Field(ge=0, le=1_000_000)] = 50.0
    unusual_calls: Literal["hold", "tell", "off"] = "hold"

    @property
    def default_money(self) -> int | None:
        """The money of a day of a user who has no limit of their own, in millionths."""
        return round(self.money_per_day * 1_000_000) or None


class MailServerSettings(_Section):
    """``[mail]``: the server that takes the mails of scripts; without one there are none."""

    server: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = ""


class LogSettings(_Section):
    """``[log]``: how much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class WebSettings(_Section):
    """``[web]``: where REST and the web pages listen, and behind which proxies.

    `listen` is "" for none at all. `metrics_from` are the networks that may read /metrics without a token, `signup` is
    who may make a user of their own, `public_url` what links in mails begin with.
    """

    listen: Address | Literal[""] = "127.0.0.1:8080"
    certificate: str = ""
    key: str = ""
    trusted_proxies: list[Network] = []
    prefix: Annotated[str, AfterValidator(_checked_prefix)] = ""
    metrics_from: list[Network] = ["127.0.0.0/8", "::1/128"]
    public_status: bool = False
    connections: Annotated[int, Field(ge=10)] = 2_000
    signup: Literal["closed", "invite", "open"] = "closed"
    public_url: Annotated[str, AfterValidator(_checked_url)] = ""

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


class SshSettings(_Section):
    """``[ssh]``: where the console listens, and how many may connect; `listen` is "" for none at all."""

    listen: Address | Literal[""] = "127.0.0.1:2222"
    clients: Annotated[int, Field(ge=1, le=1_000)] = 20
    clients_per_address: Annotated[int, Field(ge=1, le=1_000)] = 2

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen, if anywhere."""
        return listen_address(self.listen) if self.listen else None


class Settings(BaseSettings):
    """The settings of a data folder, read once at start."""

    model_config = SettingsConfigDict(
        env_prefix="SIPWRIGHT_", env_nested_delimiter="__", extra="forbid", validate_default=True
    )

    node: Annotated[str, AfterValidator(_checked_node)] = "node1"
    sip: SipSettings = SipSettings()
    policy: PolicySettings = PolicySettings()
    stun: StunSettings = StunSettings()
    database: DatabaseSettings = DatabaseSettings()
    cluster: ClusterSettings = ClusterSettings()
    run: RunSettings = RunSettings()
    dialplan: DialplanSettings = DialplanSettings()
    login: LoginSettings = LoginSettings()
    guard: GuardSettings = GuardSettings()
    trace: TraceSettings = TraceSettings()
    retention: RetentionSettings = RetentionSettings()
    monitor: MonitorSettings = MonitorSettings()
    mail: MailServerSettings = MailServerSettings()
    log: LogSettings = LogSettings()
    web: WebSettings = WebSettings()
    ssh: SshSettings = SshSettings()
    _data_dir: Path = PrivateAttr(Path())
    _worker: int = PrivateAttr(0)

    @classmethod
    def load(cls, data_dir: Path) -> Settings:
        """Read the settings of a data folder; a missing file means defaults."""
        path = data_dir / CONFIG_FILE
        try:
            settings = cls(**_read(path))
        except ValidationError as error:
            raise ConfigError(_explain(error, path)) from None
        except SettingsError as error:
            raise ConfigError(
                f"an environment variable is not JSON ({_environment(error)}); "
                """write lists such as SIPWRIGHT_SIP__UDP='["127.0.0.1:5070"]'"""
            ) from None
        for section, values in settings.model_dump().items():
            for name in values if isinstance(values, dict) else ():
                variable = f"SIPWRIGHT_{section}_{name}".upper()
                if variable in os.environ:
                    right = f"SIPWRIGHT_{section}__{name}".upper()
                    raise ConfigError(f"environment variable {variable} has no effect; its name is {right}")
        settings._data_dir = data_dir.absolute()
        return settings

    @property
    def data_dir(self) -> Path:
        """The folder that relative paths start from."""
        return self._data_dir

    def moved_to(self, data_dir: Path) -> Settings:
        """Return the same settings for a folder to which everything of this one is going to be moved."""
        moved = self.model_copy()
        moved._data_dir = data_dir.absolute()
        return moved

    def of_worker(self, number: int) -> Settings:
        """Return the settings of one of the workers that the switch consists of; the first one has its name."""
        made = self.model_copy(update={"node": worker_name(self.node, number)})
        made._data_dir, made._worker = self._data_dir, number
        return made

    @property
    def worker(self) -> int:
        """The number of the worker whose settings these are, from 1 on; 0 where the switch is one process."""
        return self._worker

    @property
    def run_dir(self) -> Path:
        """The folder of what only this process has: its control socket, and which events it has told."""
        return worker_dir(self._data_dir, self._worker)

    @property
    def key_file(self) -> Path:
        """The keys of the encrypted columns."""
        return self._data_dir / KEY_FILE

    @property
    def database_url(self) -> str:
        """The database URL, with a relative SQLite path resolved against the data folder."""
        url = self.database.url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self._data_dir / url.removeprefix(prefix)}"
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _environment(error: SettingsError) -> str:
    """Name the variables that may be meant: the error knows the section only."""
    section = str(error).partition('field "')[2].partition('"')[0].upper()
    found = [name for name in os.environ if name.startswith(f"SIPWRIGHT_{section}") and not _is_json(name)]
    return ", ".join(sorted(found)) or str(error)


def _is_json(variable: str) -> bool:
    try:
        json.loads(os.environ[variable])
    except ValueError:
        return False
    return True


def _explain(error: ValidationError, path: Path) -> str:
    first = error.errors()[0]
    section, *rest = (str(part) for part in first["loc"])
    name = f"[{section}] {rest[0]}" if rest else section
    variable = "SIPWRIGHT_" + "__".join([section, *rest[:1]]).upper()
    where = (
        f"environment variable {variable}"
        if variable in os.environ
        else f"{_place(path, section, rest)}: {name}"
    )
    if first["type"] == "extra_forbidden":
        return f"{where} is not a setting; correct its name or remove it"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}{_written(section, rest)}"


def _written(section: str, rest: list[str]) -> str:
    """Show how a setting is written, by its default."""
    values = getattr(Settings.model_construct(), section, None)
    usual = getattr(values, rest[0], None) if rest else values
    if isinstance(usual, BaseModel) or usual is None:
        return ""
    return f"; write it as {rest[0] if rest else section} = {json.dumps(usual)}"


def place_of_setting(path: Path, section: str, name: str) -> str:
    """Name the file and the line of a setting; `section` is empty for what stands before all sections."""
    return _place(path, section, [name]) if section else _place(path, name, [])


def _place(path: Path, section: str, rest: list[str]) -> str:
    """Name the file and the line of a setting, where it stands there as people write it."""
    key = re.compile(rf"\s*[\"']?{re.escape(rest[0] if rest else section)}[\"']?\s*=")
    head = re.compile(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*\]")
    is_inside = not rest
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return str(path)
    for number, line in enumerate(lines, 1):
        if head.match(line):
            if not rest:
                return f"{path}, line {number}"
            is_inside = True
        elif line.lstrip().startswith("["):
            is_inside = False
        elif is_inside and key.match(line):
            return f"{path}, line {number}"
    return str(path)
