"""Where a trunk calls from: networks, of which each is one user's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sqlalchemy import Connection, select

from sipwright.store.errors import StoreError
from sipwright.store.schema import tables

__all__ = ["OverlapError", "checked_networks", "refuse_overlaps"]

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
    return tuple(dict.fromkeys(str(_checked(text)) for text in texts))


def refuse_overlaps(connection: Connection, owner: int, networks: Iterable[str]) -> None:
    """Refuse networks that calls of another user's trunk come from.

    Raises:
        OverlapError: One overlaps.
    """
    wanted = [ipaddress.ip_network(text) for text in networks]
    provider, user = tables.providers.c, tables.users.c
    others = (
        select(provider.name, provider.networks, user.name.label("owner"))
        .join_from(tables.providers, tables.users, user.id == provider.user_id)
        .where(provider.networks.is_not(None), provider.user_id != owner)
        .order_by(provider.id)
    )
    for row in connection.execute(others):
        for text in row.networks.split():
            other = ipaddress.ip_network(text)
            for network in wanted:
                if network.version == other.version and network.overlaps(other):
                    raise OverlapError(
                        f"{network} overlaps {other}, from where the provider {row.name!r} of {row.owner!r} calls; "
                        "whose call it is must be certain",
                        "networks",
                    )


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
