"""What every transport offers to the stack, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.sip.errors import ParseError
from sipwright.transport.flow import Address, Flow, Trust
from sipwright.transport.tap import Tap

OnMessage = Callable[[bytes, Flow], None]
"""One whole SIP message has come in on a flow."""
OnFlowClosed = Callable[[Flow, OSError | None], None]
"""A connection is gone, or could not be opened (then with the error)."""
OnFramingError = Callable[[ParseError, Flow], None]
"""A stream cannot be followed any more; the transport closes it after this call."""

OnUndelivered = Callable[[bytes], None]
"""A message has found nobody; of a long one it is the beginning."""


class Transport(Protocol):
    """A listening socket and the flows that run over it."""

    protocol: str
    is_reliable: bool
    tap: Tap
    on_message: OnMessage
    on_stun: OnMessage
    on_flow_closed: OnFlowClosed
    on_framing_error: OnFramingError
    on_undelivered: OnUndelivered

    @property
    def local(self) -> Address:
        """The bound address; the host may be a wildcard."""

    async def start(self) -> None:
        """Bind and listen. Raises OSError when the address cannot be had."""

    async def close(self) -> None:
        """Stop listening and close every flow."""

    def reaches(self, host: str) -> bool:
        """Return whether this socket can send to the IP address (the family fits)."""

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> Flow:
        """Return the flow to a peer; where it must be connected first it queues until then.

        `trust` says who has to be there, for those who find that out.

        Raises:
            OSError: Nothing leads there.
        """

    def find(self, remote: Address) -> Flow | None:
        """Return the flow to a peer if one can be used at once."""

    def snapshot(self) -> object:
        """Return a frozen dataclass of counters."""


def ignore_message(data: bytes, flow: Flow) -> None:
    """Drop a message: what transports call before somebody listens."""


def ignore_closed(flow: Flow, error: OSError | None) -> None:
    """Take no notice of a closed flow."""


def ignore_framing_error(error: ParseError, flow: Flow) -> None:
    """Take no notice of a broken stream."""


def ignore_undelivered(data: bytes) -> None:
    """Take no notice of a message that has found nobody."""
