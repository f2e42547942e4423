"""The way to a phone whose flow is at another node: by the edge of that node, with a Route that names the flow.

Whoever sends over it need not know: the Route is put into each request when that is sent, so it leads to where the edge
is then. When the node is lost, that is the edge of the one which acts for it.
"""

from __future__ import annotations

from collections.abc import Callable

from sipwright.transport.flow import Address, Flow, parse_flow_key

__all__ = ["RoutedFlow"]

Send = Callable[[bytes, str, str], None]
"""Sends a message to the node of a name, for the flow that a key names there."""


class RoutedFlow(Flow):
    """A flow at another node. Its `remote` is the phone; its protocol is what the nodes speak, which is UDP."""

    __slots__ = ("_is_there", "_send", "node", "plain_key")

    def __init__(
        self, node: str, plain_key: str, local: Address, send: Send, is_there: Callable[[str], bool]
    ) -> None:
        """`plain_key` is the key of the flow at its node, `local` our address as that node sees it."""
        super().__init__("udp", local, parse_flow_key(plain_key).remote)
        self.key = f"{node}!{plain_key}"
        self.node = node
        self.plain_key = plain_key
        self._send = send
        self._is_there = is_there

    @property
    def is_closed(self) -> bool:
        """Nobody acts for its node."""
        return not self._is_there(self.node)

    def send(self, data: bytes) -> None:
        """Send one message to the edge that leads to the phone."""
        self._send(data, self.node, self.plain_key)
