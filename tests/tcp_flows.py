"""Connections that tests open beside those that a stack opens by itself."""

from sipwright.transport import Address
from sipwright.transport.tcp import TcpTransport
from sipwright.transport.tcp_connection import TcpFlow


async def connect(transport: TcpTransport, remote: Address) -> TcpFlow:
    """Return a connection to a peer when it stands. Raises OSError."""
    flow = transport.flow(remote)
    await flow.wait_open()
    return flow
