"""What systemd has to do with a switch: the unit that `sipwright init --systemd` makes, and word of how it is."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from pathlib import Path

__all__ = ["UNIT", "tell_systemd", "unit", "watchdog_interval"]

UNIT = "sipwright.service"
"""The name of the file, and of the service."""


def unit(
    folder: Path, ports: list[int], database: str, *, user: str | None = None, program: str | None = None
) -> str:
    """Write the unit of a switch: started at boot and whenever it ends, with no more rights than it needs.

    Args:
        folder: The data folder.
        ports: Where it listens; those below 1024 need a capability.
        database: The database's URL: a server on this machine is started before the switch.
        user: Who runs it, if not whoever owns the folder.
        program: The command, if not the one that is running now.
    """
    folder = folder.absolute()
    after = "network-online.target"
    if database.startswith("postgresql"):
        after += " postgresql.service"
    elif database.startswith(("mysql", "mariadb")):
        after += " mariadb.service"
    lines = [
        "[Unit]",
        "Description=Sipwright, a programmable SIP switch",
        f"After={after}",
        "Wants=network-online.target",
        "# Calls outlive the process: the switch may be started again at any moment, as often as it takes.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"User={user or _owner(folder)}",
        f"ExecStart={_quoted(program or _program())} run --data {_quoted(str(folder))}",
        *_LIFE,
        "",
        *_RIGHTS.replace("FOLDER", _quoted(str(folder))).splitlines(),
    ]
    if not str(folder).startswith(("/home/", "/root/")) and not sys.prefix.startswith(("/home/", "/root/")):
        lines.append("ProtectHome=yes")
    if any(0 < port < 1024 for port in ports):
        lines += ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
    else:
        lines.append("CapabilityBoundingSet=")
    return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""])


def watchdog_interval() -> float | None:
    """Return how often, in seconds, the service manager wants to hear that this process is alive; None for never."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 2_000_000 or None


def _owner(folder: Path) -> str:
    """Return who owns the folder, who is to run the switch: nobody else can read it."""
    try:
        return folder.owner()
    except (KeyError, OSError):
        return getpass.getuser()


def _program() -> str:
    """Return the absolute path of the command that is running now."""
    beside = Path(sys.executable).parent / "sipwright"
    return str(beside if beside.exists() else Path(sys.argv[0]).absolute())


def _quoted(text: str) -> str:
    """Write a path so that systemd reads it as it is."""
    escaped = text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != text or any(c.isspace() or c in "';$" for c in text) else text


def tell_systemd(state: str, file: int | None = None) -> None:
    """Tell the service manager how things stand, where one has asked to be told (sd_notify(3)).

    Args:
        state: Such as ``READY=1`` or ``STOPPING=1``.
        file: The number of an open file that it is to keep, with ``FDSTORE=1``.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            manager.connect(address)
            socket.send_fds(manager, [state.encode()], [] if file is None else [file])
        except OSError:
            pass  # it does not matter to a call whether anybody is told


_LIFE = """\
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=100ms
# What is to be finished takes seconds; whatever is left over is taken up at the next start.
KillMode=mixed
TimeoutStopSec=20
LimitNOFILE=65536
# A process that hangs is ended, and the next one goes on with its calls.
WatchdogSec=30
# The sockets outlive the process: what comes in while it is started again waits in them.
FileDescriptorStoreMax=512
""".splitlines()

_RIGHTS = """\
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=FOLDER
# Where the log is, should it not go to the journal: after a rotation it is opened anew there.
LogsDirectory=sipwright
LogsDirectoryMode=0750
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
DevicePolicy=closed
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
# The workers of scripts confine themselves further, for which they need the last four.
SystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
