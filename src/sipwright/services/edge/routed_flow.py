"""The way to a phone whose flow is at another node: by the edge of that node, with a Route that names the flow.

Whoever sends over it need not know: the Route is put into each request when that is sent, so it leads to where the edge
is then. When the node is lost, that is the edge of the one which acts for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sipwright.transport.flow import Address, Flow, parse_flow_key

__all__ = ["NO_EDGE", "Name", "RoutedFlow"]


class Name(NamedTuple):
    """The edge that says something to a phone, as the phone knows it: by its node, and its address there."""

    node: str
    address: Address


NO_EDGE = Name("", ("", 0))
"""What is said as it is, without any edge: its phone may have heard it from the node that has the call, and by none."""

Send = Callable[[bytes, str, str, Name | None], None]
"""Sends a message to the node of a name, for the flow that a key names there; in the name of another edge, or of none,
if that is given."""


class RoutedFlow(Flow):
    """A flow at another node. Its `remote` is the phone; its protocol is what the nodes speak, which is UDP."""

    __slots__ = ("_in_name_of", "_is_there", "_send", "node", "plain_key")

    def __init__(
        self, node: str, plain_key: str, local: Address, send: Send, is_there: Callable[[str], bool],
        in_name_of: Name | None = None,
    ) -> None:  # fmt: skip
        """`plain_key` is the key of the flow at its node, `local` our address as that node sees it."""
        super().__init__("udp", local, parse_flow_key(plain_key).remote)
        self.key = f"{node}!{plain_key}"
        self.node = node
        self.plain_key = plain_key
        self._send = send
        self._is_there = is_there
        self._in_name_of = in_name_of

    @property
    def name(self) -> Name:
        """The edge that its phone hears what is sent from."""
        return self._in_name_of or Name(self.node, parse_flow_key(self.plain_key).local)

    def renamed(self, name: Name) -> RoutedFlow:
        """Return the same way, by which a phone hears the edge of another node."""
        return RoutedFlow(self.node, self.plain_key, self.local, self._send, self._is_there, name)

    @property
    def is_closed(self) -> bool:
        """Nobody acts for its node."""
        return not self._is_there(self.node)

    def send(self, data: bytes) -> None:
        """Send one message to the edge that leads to the phone."""
        self._send(data, self.node, self.plain_key, self._in_name_of)
