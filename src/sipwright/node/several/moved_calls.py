"""Calls of two nodes that a transfer is to join: one goes to where the other is (`services/switch/transfer/moving.py`).

A REFER names the second call by its dialog (RFC 3891), and its tag says which node has that. Where that talks it comes
here; where it still rings it cannot, and the call of the REFER goes there. Whichever it was, the REFER then comes in
once more, and is handed on if it is another node's by now. What the nodes ask of each other are rows of the database
(`control/other_nodes.py`); a call is the other one's from when its row says so, whoever dies then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from sipwright.cluster.membership import Membership
from sipwright.control.protocol import ControlError, Request
from sipwright.ending import end
from sipwright.memo import Bounded
from sipwright.services.rows import CallRow, ExecutionRow, JournalRow
from sipwright.services.switch import Call
from sipwright.services.switch.transfer.moving import Moving, referred_dialog
from sipwright.services.switch.transfer.replaces import Replaces
from sipwright.sip import Reject
from sipwright.sip import Request as SipRequest
from sipwright.store.errors import DatabaseAwayError, FencedError, StoreError
from sipwright.store.live.moved_calls import Moved, calls_of, forget_tags, note_tags, take_calls
from sipwright.transport import Flow
from sipwright.transport.flow import place_of

from ..control_server import Handler

if TYPE_CHECKING:
    from sipwright.store.database import Database

__all__ = ["MovedCalls"]

log = structlog.get_logger(__name__)

MOST = 32
"""REFERs that wait at once for a call of another node."""

PATIENCE = 8.0
"""Seconds after which a REFER is answered, whatever has come of it: its sender waits for 32 (RFC 3261 §17.1.2.2)."""

STORED_WITHIN = 5.0
"""Seconds that a call which is given away may take to be stored."""

LOOKS_AFTERWARDS = 4
"""How often it is looked for a call that was given away while the database was away, once that is back."""

LOOKS, PAUSE = 40, 0.05
"""How often it is looked whether nothing is under way in a call any more, and seconds between."""

FORGET_EVERY = 30.0

FAILURES = (ControlError, StoreError, FencedError, OSError, TimeoutError, Reject)

Ask = Callable[..., Awaitable[Any]]
TakeUp = Callable[[Sequence[CallRow], Sequence[ExecutionRow], dict[str, list[JournalRow]]], Awaitable[None]]


class Calls(Protocol):
    """The calls of this node, and what they are found by."""

    @property
    def calls(self) -> dict[str, Call]:
        """By their ids."""

    @property
    def moving(self) -> Moving:
        """Lets them go."""


class MovedCalls:
    """One node's side of it: what it asks of others, and what it is asked for."""

    def __init__(
        self, switch: Calls, membership: Membership, database: Database, ask: Ask, take_up: TakeUp,
        retake: Callable[[bytes, Flow], object], spread: Callable[[list[str], int], object],
    ) -> None:  # fmt: skip
        """Get ready.

        Args:
            switch: Has the calls.
            membership: Knows whose a call is.
            database: Says so to all.
            ask: Asks another node for something.
            take_up: Goes on with calls and their runs.
            retake: Takes a message as if it came in now.
            spread: Tells the workers beside this one of tags that lead to a boot from now on.
        """
        self._switch = switch
        self._moving = switch.moving
        self._membership = membership
        self._database = database
        self._ask = ask
        self._take_up = take_up
        self._retake = retake
        self._spread = spread
        self._waiting: Bounded[str, bool] = Bounded()
        """By the transaction of a REFER, whether it waits; one that has waited does not wait again."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.handlers: dict[str, Handler] = {"calls.give": self._give, "calls.take": self._take}
        """What others may ask for."""
        self._moving.waits = self._waits

    async def close(self) -> None:
        """Begin nothing more."""
        await end(self._tasks)

    # A REFER.

    def _waits(self, refer: SipRequest, flow: Flow) -> bool:
        """Put a REFER aside that names a call of another node, until both are at one; False when there is no need."""
        named = referred_dialog(refer)
        node = None if named is None else self._membership.owner_of(named.to_tag)
        if named is None or node in (None, self._membership.name):
            return False
        top = refer.top_via
        key = f"{top.branch}|{top.sent_by}|{refer.call_id}"
        known = self._waiting.get(key)
        if known is None and len(self._tasks) < MOST:
            self._waiting.keep(key, True)
            self._begin(self._bring_together(refer, flow, node or "", named, key))
            return True
        return bool(known)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring_together(
        self, refer: SipRequest, flow: Flow, node: str, named: Replaces, key: str
    ) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                if not await self._fetch(node, named):
                    await self._send(node, refer.to_tag or "")
        except FAILURES as error:
            what = str(error) or type(error).__name__
            log.info("the two calls of a transfer are at different nodes", node=node, error=what)
        finally:
            self._waiting.keep(key, False)
        self._retake(bytes(refer), flow)

    async def _fetch(self, node: str, named: Replaces) -> bool:
        """Have a call come here; False when it rings, and stays."""
        dialog = {"call_id": named.call_id, "to_tag": named.to_tag, "from_tag": named.from_tag}
        try:
            given = await self._ask(node, "calls.give", to=self._membership.name, **dialog)
        except (StoreError, OSError, TimeoutError):
            self._begin(self._look_for_given())
            raise
        if given["rings"]:
            return False
        await self._go_on(given["calls"], given["tags"])
        return True

    async def _send(self, node: str, tag: str) -> None:
        """Let the call of a tag go to another node."""
        parts = await self._at_rest(lambda: self._moving.part_of_tag(tag))
        ids, tags = await self._let_go(parts, node)
        await self._ask(node, "calls.take", calls=ids, tags=tags)
        # What is on its way waits for that; from now on it need not.
        if (boot := self._membership.boot_of(node)) is not None:
            self._membership.moved_tags.came(tags, boot)

    # What others ask for.

    async def _give(self, request: Request) -> dict[str, Any]:
        """Give a call to another node that has asked for it by one of its dialogs."""
        named = Replaces(request.text("call_id"), request.text("to_tag"), request.text("from_tag"))
        found = self._moving.parts_of(named)
        if self._moving.is_ringing(found):
            return {"rings": True}
        parts = await self._at_rest(lambda: self._moving.parts_of(named))
        ids, tags = await self._let_go(parts, request.text("to"))
        return {"rings": False, "calls": ids, "tags": tags}

    async def _take(self, request: Request) -> dict[str, Any]:
        """Go on with calls of another node, which has given them away."""
        await self._go_on(request.arguments["calls"], request.arguments["tags"])
        return {}

    async def _at_rest(self, find: Callable[[], list[Call]]) -> list[Call]:
        """Return the parts of a call as soon as nothing is under way in it.

        Raises:
            ControlError: It is not here, or that does not come to an end.
        """
        for _ in range(LOOKS):
            parts = find()
            if not parts:
                raise ControlError("not_found", "there is no such call", field="call")
            if self._moving.may_go(parts):
                return parts
            await asyncio.sleep(PAUSE)
        raise ControlError("refused", "something is under way in that call, which does not end")

    async def _let_go(self, parts: Sequence[Call], node: str) -> tuple[list[str], list[str]]:
        """Give a call away, and return when that is stored.

        Raises:
            ControlError: There is no such node.
        """
        boot = self._membership.boot_of(node)
        if boot is None:
            raise ControlError("not_found", f"there is no node {node!r}", field="to")
        stored = asyncio.Event()
        ids, tags = self._moving.give(parts, node, lambda key: self._placed(key, node), stored.set)
        self._membership.moved_tags.went(tags, boot)
        async with asyncio.timeout(STORED_WITHIN):
            await stored.wait()
        return ids, tags

    def _placed(self, key: str, to: str) -> str:
        """Return the key of a flow as another node uses it."""
        membership, (node, plain) = self._membership, place_of(key)
        if node:
            return plain if node == to else key
        is_shared = plain.startswith("udp/") and to in membership.beside
        return key if is_shared or plain.startswith("loop/") else f"{membership.name}!{key}"

    # Calls that come here.

    async def _go_on(self, ids: Sequence[str], tags: Sequence[str]) -> None:
        """Go on with calls that were given to this node.

        Raises:
            FencedError: It is not the owner of its calls any more.
        """
        me = self._membership
        moved: Moved = await self._database.write(
            lambda c: take_calls(c, me.fence, me.name, me.boot_number, ids, tags)
        )
        new = [row for row in moved.calls if row.id not in self._switch.calls]
        await self._take_up(new, moved.executions, moved.journals)
        me.moved_tags.came(tags, me.boot_number)
        self._spread(list(tags), me.boot_number)
        for row in new:
            if (call := self._switch.calls.get(row.id)) is not None:
                with call.event():  # whoever watches calls hears of it
                    call.changed()

    async def _look_for_given(self) -> None:
        """Go on with what another node has given away without that this one has heard of it.

        While the database is away that waits on the disk of the other node, and is in the database some time after that
        is back: nobody else looks for it.
        """
        looks = 1
        while looks:
            await asyncio.sleep(STORED_WITHIN)
            try:
                await self._take_missing()
            except DatabaseAwayError:
                looks = LOOKS_AFTERWARDS
            else:
                looks -= 1

    async def _take_missing(self) -> None:
        """Go on with calls that are this node's and that it does not have.

        Raises:
            DatabaseAwayError: Nobody knows which.
            FencedError: It is not the owner of its calls any more.
        """
        missing = await self._missing()
        await asyncio.sleep(1.0)  # what has ended meanwhile was ours all the time
        if missing := missing & await self._missing():
            await self._go_on(sorted(missing), ())
            await self.note_strays()

    async def _missing(self) -> set[str]:
        return await self._database.read(lambda c: calls_of(c, self._membership.name)) - set(
            self._switch.calls
        )

    async def note_strays(self) -> None:
        """Let the tags of all calls of this node lead here, whatever they say: an earlier one may have died first.

        Raises:
            FencedError: It is not the owner of its calls any more.
        """
        me = self._membership
        strays = [tag for tag in self._moving.tags() if me.owner_of(tag) not in (None, me.name)]
        if strays:
            await self._database.write(lambda c: note_tags(c, me.boot_number, strays), of_nodes=False)
            me.moved_tags.came(strays, me.boot_number)
            self._spread(strays, me.boot_number)

    async def keep_forgetting(self) -> None:
        """Forget the tags of calls that are over, until cancelled."""
        over = set[str]()
        while True:
            await asyncio.sleep(FORGET_EVERY)
            me, here = self._membership, self._moving.tags()
            ours = {tag for tag, boot in me.moved_tags.items() if me.owners.get(boot) in (None, me.name)}
            ended = ours - here
            gone, over = ended & over, ended
            try:
                if gone:
                    await self._database.write(partial(forget_tags, tags=gone), of_nodes=False)
            except (StoreError, OSError) as error:
                log.debug("tags of calls that are over not deleted", error=str(error))
