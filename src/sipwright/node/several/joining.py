"""A node takes its place among those of its database."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import metadata
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from sipwright.cluster.membership import Membership
from sipwright.cluster.node_map import Itself
from sipwright.config import listen_address, worker_name
from sipwright.control.doors import doors_of
from sipwright.store.live.node_register import NodeRegister
from sipwright.transport.flow import format_address, is_wildcard
from sipwright.worker_lock import is_free

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.store import Store

__all__ = ["HOME", "join"]

HOME = "sipwright.node"
"""The file in the data folder that tells it apart from all others."""


async def join(settings: Settings, store: Store) -> tuple[Membership, NodeRegister]:
    """Take the lease of this node's name, and let the writer name its fence from now on.

    Raises:
        NameTaken: Another node of this name lives.
        StoreError: The database is away.
    """
    register = NodeRegister(store.database)
    home = await asyncio.to_thread(_home, settings.data_dir / HOME)
    home = worker_name(home, settings.worker)
    itself = Itself(
        settings.node,
        home,
        metadata.version("sipwright"),
        _edge_of(settings),
        doors_of(settings).written(),
    )
    membership = Membership(register, itself, settings.cluster.lost_after)
    if not store.is_shared:
        # Nothing holds back what one of them commits that was only stopped, so it must not go on beside us: the lock
        # on its file is its fence.
        membership.has_ended = partial(_has_ended, settings.data_dir)
    fence = await membership.join()
    await membership.beat()
    await membership.introduce()
    if store.is_shared:
        store.fence(fence, membership.lost)
    return membership, register


def _has_ended(folder: Path, worker: str) -> bool:
    """Return whether the process of a worker is no more."""
    number = worker.rpartition("+")[2]
    return is_free(folder, int(number) if number.isdigit() else 1)


def _home(path: Path) -> str:
    """Return what names a data folder, made when it is first asked for."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        home = token_hex(8)
        path.write_text(home + "\n", "ascii")
        return home


def _edge_of(settings: Settings) -> str:
    """Return where other nodes reach this one over UDP; nothing where nobody has said it."""
    if settings.cluster.edge:
        return settings.cluster.edge
    for text in settings.sip.udp:
        host, port = listen_address(text)
        if not is_wildcard(host):
            return format_address((host, port))
    return ""
