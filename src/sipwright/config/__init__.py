"""The settings: ``sipwright.toml`` in the data folder, overridden by environment variables.

``[sip] udp`` in the file is ``SIPWRIGHT_SIP__UDP`` in the environment, with its value in JSON.
"""

from .dialplan import DialplanSettings
from .explain import place_of_setting
from .faces import LoginSettings, SshSettings, WebSettings
from .policy import PolicySettings
from .processes import ClusterSettings, RunSettings, worker_dir, worker_name
from .settings import CONFIG_FILE, KEY_FILE, Settings
from .sip import SIP_CERTIFICATE, SIP_KEY, TRANSPORTS, SipSettings, StunSettings
from .storage import DatabaseSettings, LogSettings, RetentionSettings, TraceSettings
from .values import ConfigError, listen_address
from .watching import GuardSettings, MailServerSettings, MonitorSettings

__all__ = [
    "CONFIG_FILE",
    "KEY_FILE",
    "SIP_CERTIFICATE",
    "SIP_KEY",
    "TRANSPORTS",
    "ClusterSettings",
    "ConfigError",
    "DatabaseSettings",
    "DialplanSettings",
    "GuardSettings",
    "LogSettings",
    "LoginSettings",
    "MailServerSettings",
    "MonitorSettings",
    "PolicySettings",
    "RetentionSettings",
    "RunSettings",
    "Settings",
    "SipSettings",
    "SshSettings",
    "StunSettings",
    "TraceSettings",
    "WebSettings",
    "listen_address",
    "place_of_setting",
    "worker_dir",
    "worker_name",
]
