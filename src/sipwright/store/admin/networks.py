"""Where a trunk calls from: networks, or whoever shows a certificate of a name; each is one user's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from sipwright.store.errors import StoreError
from sipwright.store.schema import tables

__all__ = ["OverlapError", "checked_networks", "refuse_overlaps"]

CERTIFIED = "tls:"
"""What the name of a certificate begins with, among networks."""

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,250}[a-z0-9])?|[0-9a-f:]+")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WIDEST = {4: 8, 6: 16}
"""The shortest prefix of a network: nobody's trunk is half of the Internet."""


class OverlapError(StoreError):
    """A network is another user's; the sentence says whose, which is not for everybody."""


def checked_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Return networks as they are kept.

    Raises:
        StoreError: One of them is none.
    """
    return tuple(dict.fromkeys(_name(text) or str(_checked(text)) for text in texts))


def refuse_overlaps(connection: Connection, owner: int, networks: Sequence[str]) -> None:
    """Refuse networks that calls of another user's trunk come from.

    Raises:
        OverlapError: One overlaps.
    """
    names = {text for text in networks if text.startswith(CERTIFIED)}
    wanted = [ipaddress.ip_network(text) for text in networks if text not in names]
    provider, user = tables.providers.c, tables.users.c
    others = (
        select(provider.name, provider.networks, user.name.label("owner"))
        .join_from(tables.providers, tables.users, user.id == provider.user_id)
        .where(provider.networks.is_not(None), provider.user_id != owner)
        .order_by(provider.id)
    )
    for row in connection.execute(others):
        for text in row.networks.split():
            if text.startswith(CERTIFIED):
                if text in names:
                    raise OverlapError(
                        f"{text} is the provider {row.name!r} of {row.owner!r}; whose call it is must be certain",
                        "networks",
                    )
                continue
            other = ipaddress.ip_network(text)
            for network in wanted:
                if network.version == other.version and network.overlaps(other):
                    raise OverlapError(
                        f"{network} overlaps {other}, from where the provider {row.name!r} of {row.owner!r} calls; "
                        "whose call it is must be certain",
                        "networks",
                    )


def _name(text: str) -> str | None:
    """Return the name of a certificate, as in ``tls:trunk.example``; None for a network."""
    name = text.strip().lower()
    if not name.startswith(CERTIFIED):
        return None
    if not _HOST.fullmatch(name.removeprefix(CERTIFIED)):
        raise StoreError(
            f"{text!r} names no certificate; write tls:NAME with a name that it has, such as tls:trunk.example",
            "networks",
        )
    return name


def _checked(text: str) -> _Network:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        advice = "write one, such as 203.0.113.0/29 or 203.0.113.7"
        if "host bits" in str(error):
            advice = f"did you mean {ipaddress.ip_network(text.strip(), strict=False)}?"
        raise StoreError(f"{text!r} is not a network; {advice}", "networks") from None
    if network.prefixlen < _WIDEST[network.version]:
        raise StoreError(
            f"{text!r} is too much of the Internet for one trunk; write /{_WIDEST[network.version]} or longer",
            "networks",
        )
    return network
