"""The event loop of every process of ours: uvloop's, or the library's own where that was not installed.

And how its servers stop listening, which neither of them does cleanly while somebody is just being let in.
"""

from __future__ import annotations

import asyncio

__all__ = ["listen_no_more", "new_loop"]


def new_loop() -> asyncio.AbstractEventLoop:
    """Make one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def listen_no_more(server: asyncio.Server) -> None:
    """Close a server; whoever it has let in is known to their protocols afterwards, and can be closed by those.

    The library's own server makes the transport of a connection one turn of the loop after that was let in, and the
    one that is closed meanwhile makes none: the client would be left without a word until its socket is collected.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening)
    await asyncio.sleep(0)  # whoever was let in gets a transport
    server.close()
    await asyncio.sleep(0)  # which is made known to the protocol
