"""The settings of a data folder."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from .dialplan import DialplanSettings
from .explain import explain, unreadable_variables
from .faces import LoginSettings, SshSettings, WebSettings
from .names import unknown_variable
from .policy import PolicySettings
from .processes import ClusterSettings, RunSettings, worker_dir, worker_name
from .sip import SipSettings, StunSettings
from .storage import DatabaseSettings, LogSettings, RetentionSettings, TraceSettings
from .values import ConfigError, NodeName
from .watching import GuardSettings, MailServerSettings, MonitorSettings

__all__ = ["CONFIG_FILE", "KEY_FILE", "Settings"]

CONFIG_FILE = "sipwright.toml"
KEY_FILE = "sipwright.key"


class Settings(BaseSettings):
    """The settings of a data folder, read once at start."""

    model_config = SettingsConfigDict(
        env_prefix="SIPWRIGHT_", env_nested_delimiter="__", extra="forbid", validate_default=True
    )

    node: NodeName = "node1"
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
        """Read the settings of a data folder; a missing file means defaults.

        Raises:
            ConfigError: They make no sense; it says which, and what to write.
        """
        path = data_dir / CONFIG_FILE
        if unknown := unknown_variable(os.environ, cls):
            raise ConfigError(unknown)
        try:
            settings = cls(**_read(path))
        except ValidationError as error:
            raise ConfigError(explain(error, path, cls.model_construct())) from None
        except SettingsError as error:
            raise ConfigError(
                f"an environment variable is not JSON ({unreadable_variables(error)}); "
                """write lists such as SIPWRIGHT_SIP__UDP='["127.0.0.1:5070"]'"""
            ) from None
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
