"""``[run]`` and ``[cluster]``: the processes that a switch consists of, and its other nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from .values import Address, BusAddress, HostName, Ip, Section

__all__ = ["MOST_WORKERS", "ClusterSettings", "RunSettings", "worker_dir", "worker_name"]

MOST_WORKERS = 64


def worker_name(node: str, number: int) -> str:
    """Return the name of a worker as a node: that of the switch for the first one."""
    return node if number <= 1 else f"{node}+{number}"


def worker_dir(data_dir: Path, number: int) -> Path:
    """Return the folder of what only one worker has."""
    return data_dir if number <= 1 else data_dir / f"worker{number}"


class ClusterSettings(Section):
    """``[cluster]``: several switches on one PostgreSQL or MariaDB, each with a name (`node`) and a data folder.

    One of which nothing was heard for `lost_after` seconds is lost: another one goes on with its calls. `edge` is where
    the others reach this one over UDP, "" for the first address of ``[sip] udp``. With `nats` (``nats://HOST:4222``,
    more than one behind commas) events, and what one node asks another one for, come at once; without it each looks for
    them several times a second. `host`, `public`, `priority` and `weight` are what ``sipwright dns`` makes this
    node's records of: its name, its addresses, and its place and share among the others (RFC 2782).
    """

    lost_after: Annotated[float, Field(ge=2, le=300)] = 10.0
    edge: Address | Literal[""] = ""
    nats: BusAddress = ""
    host: HostName = ""
    public: list[Ip] = []
    priority: Annotated[int, Field(ge=0, le=65_535)] = 10
    weight: Annotated[int, Field(ge=0, le=65_535)] = 50


class RunSettings(Section):
    """``[run]``: how many processes the switch consists of, at best one for each core; all have the same ports."""

    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
