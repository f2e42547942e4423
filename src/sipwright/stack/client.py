"""Await the answer to a request: for tools and tests; the switch uses callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipwright.sip.message import Response
from sipwright.sip.transaction import ClientTransaction


class Exchange:
    """The user of one client transaction that keeps what comes back."""

    def __init__(self, on_provisional: Callable[[Response], None] | None = None) -> None:
        self._on_provisional = on_provisional
        self.responses: list[Response] = []
        self.final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Keep a response; the first final one ends the wait."""
        self.responses.append(response)
        if response.is_final:
            if not self.final.done():
                self.final.set_result(response)
        elif self._on_provisional is not None:
            self._on_provisional(response)
