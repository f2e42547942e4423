"""Calls in progress: who talks to whom, and what can be done about it from outside."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["CallView", "Calls", "LegView"]


@dataclass(frozen=True, slots=True)
class LegView:
    """One end of a call: 0 is the caller, each phone or provider that was tried is one more."""

    leg: int
    target: str
    state: str
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class CallView:
    """A call in progress; `line` is where its script stands, `text` that line of it."""

    call: str
    node: str
    user: str | None
    account: str | None
    direction: str
    state: str
    caller: str
    callee: str
    provider: str | None
    started_at: float
    answered_at: float | None
    dialplan: str | None
    version: int | None
    line: int | None
    text: str | None
    legs: tuple[LegView, ...]


class Calls:
    """Shows the calls in progress, and steers them."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, user: str | None = None, account: str | None = None, q: str | None = None,
        limit: int = USUAL, cursor: str | None = None,
    ) -> Page[CallView]:  # fmt: skip
        """List calls in progress, the oldest first."""
        raise NotImplementedError

    async def get(self, actor: Actor, call: str) -> CallView:
        """Show a call in progress."""
        raise NotImplementedError

    async def hangup(self, actor: Actor, call: str) -> None:
        """End a call.

        Raises:
            Refused: Its state does not allow it; so for the others below.
            Unavailable: The switch does not run; so for the others below.
        """
        raise NotImplementedError

    async def transfer(self, actor: Actor, call: str, to: str) -> None:
        """Connect the caller, or who is at the other end, with somebody else."""
        raise NotImplementedError

    async def redirect(self, actor: Actor, call: str, to: str) -> None:
        """Let a call that rings ring elsewhere."""
        raise NotImplementedError

    async def pickup(self, actor: Actor, call: str, by: str) -> None:
        """Let an account take a call that rings elsewhere."""
        raise NotImplementedError

    async def place(
        self, actor: Actor, from_: str, to: str, *, user: str | None = None, key: str | None = None
    ) -> str:
        """Ring an account, connect it with somebody, and return the id of the call; one `key` places one call."""
        raise NotImplementedError
