"""One SSH connection: what asyncssh speaks, less what a console has no use for, and with what it lacks.

There is no file transfer, no forwarding of anything, no environment, no compression. asyncssh does not look at how full
the socket is; here a channel is full as well when its socket is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.packet import SSHPacket

from sipwright.console.admission import Place

__all__ = ["LOGIN_WITHIN", "ConsoleChannel", "ConsoleConnection", "options"]

LOGIN_WITHIN = 20.0
KEEPALIVE_EVERY = 30.0
KEEPALIVES_MISSED = 3

_MOST_WAITING = 64 * 1024
_WINDOW = 64 * 1024
"""What a client may send before it is read: nobody types more."""

# Fast ones only: a Diffie-Hellman group of 4096 bits costs fifty times what a curve does, and scanners ask for it.
_KEY_EXCHANGES = [
    "mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
]  # fmt: skip
_CIPHERS = [
    "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr",
]  # fmt: skip
_MACS = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"]


class ConsoleChannel(asyncssh.SSHServerChannel[str]):
    """A session of a client: a terminal or a command, and nothing else that one may ask for."""

    has_no_color = False
    """Whether the client has NO_COLOR in its environment, which is all that is read of that."""

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name = packet.get_string()
        value = packet.get_string()
        packet.check_end()
        if name != b"NO_COLOR":
            return False
        self.has_no_color = value != b""
        return True

    def _process_x11_req_request(self, packet: SSHPacket) -> bool:
        return False

    # asyncssh's own answers later and returns None; one that has the answer at once returns it, as of other requests.
    def _process_auth_agent_req_at_openssh_dot_com_request(self, packet: SSHPacket) -> bool:  # type: ignore[override]
        return False


class ConsoleConnection(asyncssh.SSHServerConnection):
    """A connection that has a place, and that knows how full its socket is."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHServerConnectionOptions, place: Place,
        on_end: Callable[[ConsoleConnection], None],
    ) -> None:  # fmt: skip
        super().__init__(loop, options)
        self.place = place
        self._on_end = on_end
        self.is_full = False
        self.on_room: set[Callable[[], None]] = set()
        place.close = self.abort

    async def reload_config(self) -> None:
        """Do nothing: who connects changes no setting."""

    def pause_writing(self) -> None:
        """Take note that the socket is full."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Take note that the socket has room again."""
        self.is_full = False
        for call in tuple(self.on_room):
            call()

    def connection_lost(self, exc: Exception | None = None) -> None:
        """Give the place back."""
        self.place.leave()
        self._on_end(self)
        super().connection_lost(exc)

    def create_server_channel(
        self, encoding: str | None = "utf-8", errors: str = "replace", window: int = 0, max_pktsize: int = 0
    ) -> ConsoleChannel:
        """Make the channel of a session."""
        channel = ConsoleChannel(
            self, self._loop, True, False, False, 0, 0, encoding, errors, _WINDOW, self._max_pktsize
        )
        channel.set_write_buffer_limits(_MOST_WAITING)
        return channel


def options(host_key: Path, gate: Callable[[], asyncssh.SSHServer]) -> asyncssh.SSHServerConnectionOptions:
    """Return what all connections have in common; it reads files, so it belongs into a thread."""
    settings: dict[str, Any] = {
        "server_factory": gate,
        "server_host_keys": [asyncssh.read_private_key(host_key)],
        "server_version": "Console",
        "kex_algs": _KEY_EXCHANGES,
        "encryption_algs": _CIPHERS,
        "mac_algs": _MACS,
        "compression_algs": None,
        "host_based_auth": False,
        "gss_host": None,
        "login_timeout": LOGIN_WITHIN,
        "keepalive_interval": KEEPALIVE_EVERY,
        "keepalive_count_max": KEEPALIVES_MISSED,
        "tcp_keepalive": True,
        "rdns_lookup": False,
        "x11_forwarding": False,
        "agent_forwarding": False,
        "sftp_factory": None,
        "allow_scp": False,
        "line_editor": False,
    }
    return asyncssh.SSHServerConnectionOptions(config=None, **settings)
