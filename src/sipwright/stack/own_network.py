"""Where others may have us send: scripts that dial, whoever redirects, strangers with their Contacts and routes.

What is inside of our networks talks to us and not to the outside, so nobody outside may use us to reach it. Judged is
each address that a name has led to, and the connection is made to that very address: a name that changes its mind in
between gains nothing. An address inside (`transport/networks.py`), or on which we listen, is refused, unless

- `[sip] networks` names it, or a provider of the operator's or a registered phone is there,
- it is a loopback address, and so is every one that we listen on: nobody outside can reach us. What we listen on
  ourselves is refused all the same, and strangers may name their own address alone,
- whoever we talk to comes from it: he may name another port, but not on this machine, where anything may listen, unless
  he has proved who he is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from sipwright.memo import Memo
from sipwright.stack.addresses import Addresses
from sipwright.transport.base import Transport
from sipwright.transport.flow import Flow
from sipwright.transport.networks import Network, is_in, is_inside, is_loopback
from sipwright.transport.resolver import Target

__all__ = ["IsKnown", "OwnNetwork", "nobody"]

IsKnown = Callable[[str, Target], bool]
"""Whether somebody of ours is where a host, as it was named, has led."""


class Kind(Enum):
    """What can be said of an address by looking at it."""

    ALLOWED = "allowed by the settings"
    OUTSIDE = "outside, unless it is one of this machine"
    LOOPBACK = "loopback"
    INSIDE = "inside"


def nobody(host: str, target: Target) -> bool:
    """Return False: nobody of ours is anywhere."""
    return False


class OwnNetwork:
    """Refuses what is in our own network."""

    __slots__ = ("_addresses", "_allowed", "_is_hidden", "_is_known", "_kinds")

    def __init__(
        self,
        transports: Sequence[Transport],
        addresses: Addresses,
        allowed: Iterable[Network] = (),
        is_known: IsKnown = nobody,
    ) -> None:
        self._addresses = addresses
        self._allowed = tuple(allowed)
        self._is_known = is_known
        self._kinds = Memo(self._kind_of)
        hosts = [transport.local[0] for transport in transports if transport.protocol != "loop"]
        self._is_hidden = addresses.public_address is None and all(map(is_loopback, hosts))

    def refuses(
        self, target: Target, host: str, beside: Flow | None = None, *, is_proved: bool = False
    ) -> bool:
        """Return whether nothing may be sent to a target that somebody has named, as `host`.

        Args:
            target: Where the name has led.
            host: The name, or the address again.
            beside: How whoever has named it is talked to.
            is_proved: He has proved who he is.
        """
        kind = self._kinds[target.host]
        if kind is Kind.ALLOWED:
            return False
        is_where_we_listen = self._addresses.is_own_host(target.host)
        is_his_own = beside is not None and target.host == beside.remote[0]
        if not is_where_we_listen:
            is_stranger = beside is not None and not is_proved
            is_hidden = kind is Kind.LOOPBACK and self._is_hidden and (is_his_own or not is_stranger)
            if kind is Kind.OUTSIDE or is_hidden:
                return False
        if beside is not None and is_his_own and target.protocol == beside.protocol:
            is_this_machine = is_where_we_listen or kind is Kind.LOOPBACK
            if is_proved or not is_this_machine:
                return False
        return not self._is_known(host, target)

    def _kind_of(self, host: str) -> Kind:
        if is_in(host, self._allowed):
            return Kind.ALLOWED
        if is_loopback(host):
            return Kind.LOOPBACK
        return Kind.INSIDE if is_inside(host) else Kind.OUTSIDE
