"""Busy lamps across nodes: the dialogs of a watched account at whichever node they are.

A node with subscribers asks the others for the dialogs of the accounts that these watch, again and again. Whoever is
asked keeps a row for each of them that has, or had, dialogs there: always all of them, so that nothing can be missed or
come twice, and whoever has missed a row reads the next one. The key of a dialog stays the same when another node goes
on with its call; so a lamp stays as it is meanwhile, and what nobody has taken over goes out a little later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import orjson
import structlog

from sipwright.control.protocol import ControlError, Request
from sipwright.ending import end
from sipwright.errors import UserError
from sipwright.services.notifier import DialogState
from sipwright.store.database import Database
from sipwright.store.live.node_lamps import LampRow, forget_lamps, put_lamps, read_lamps

from ..dialog_watch import DialogWatch

__all__ = ["SharedLamps"]

log = structlog.get_logger(__name__)

WANTED_FOR = 15.0
"""Seconds for which the dialogs of accounts are told to another node, unless that asks again."""

ASK_EVERY = 5.0
"""Seconds after which it asks again."""

GOES_ON_WITHIN = 5.0
"""Seconds for which the lamps of a node that is lost stay as they are: somebody goes on with its calls."""

MOST_ACCOUNTS = 2_000
"""Accounts that one node may want to know of at another one."""

FORGET_EVERY = 60.0

Ask = Callable[..., Awaitable[Any]]
Dialogs = dict[str, DialogState]


class _Wanted(NamedTuple):
    until: float
    accounts: frozenset[int]


class SharedLamps:
    """The dialogs that are at other nodes, for lamps here; and those that are here, for lamps there."""

    def __init__(
        self, watch: DialogWatch, database: Database, node: str, ask: Ask, others: Callable[[], Iterable[str]],
        hint: Callable[[str], object], clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Get ready; `others` gives the nodes that live, and `hint` lets one look at once."""
        self._watch = watch
        self._database = database
        self._node = node
        self._ask = ask
        self._others = others
        self._hint = hint
        self._clock = clock
        watch.on_own = self._own_changed
        self._own: dict[int, Dialogs] = {}
        self._wanted: dict[str, _Wanted] = {}
        self._changed: set[int] = set()
        self._number = 0
        self._forgot_at = 0.0
        self._known: dict[tuple[str, int], Dialogs] = {}
        self._seen: dict[str, int] = {}
        self._gone_at: dict[str, float] = {}
        self._asked: dict[str, tuple[float, frozenset[int]]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    # For lamps at other nodes.

    def want(self, request: Request) -> dict[str, Any]:
        """Tell the dialogs of accounts from now on, for a while.

        Raises:
            ControlError: The accounts make no sense.
        """
        accounts = request.arguments.get("accounts")
        if not isinstance(accounts, list) or len(accounts) > MOST_ACCOUNTS:
            raise ControlError(
                "invalid", "'accounts' are the numbers of accounts, not too many", field="accounts"
            )
        by, wanted = request.text("by"), frozenset(one for one in accounts if isinstance(one, int))
        before = self._wanted.get(by)
        self._wanted[by] = _Wanted(self._clock() + WANTED_FOR, wanted)
        self._lend()
        self._changed |= wanted - (before.accounts if before is not None else frozenset())
        return {}

    def _lend(self) -> None:
        self._watch.lend({account for one in self._wanted.values() for account in one.accounts})

    def _own_changed(self, account_id: int, dialog: DialogState) -> None:
        own = self._own.setdefault(account_id, {})
        if dialog.state == "terminated":
            own.pop(dialog.key, None)
        else:
            own[dialog.key] = dialog
        if not own:
            del self._own[account_id]
        if any(account_id in one.accounts for one in self._wanted.values()):
            self._changed.add(account_id)

    async def _tell(self) -> None:
        now = self._clock()
        if gone := [name for name, one in self._wanted.items() if one.until <= now]:
            for name in gone:
                del self._wanted[name]
            self._lend()
        changed, self._changed = self._changed, set()
        if changed:
            self._number = max(self._number + 1, int(time.time() * 1_000_000))
            rows = [
                LampRow(one, self._node, self._number, _written(self._own.get(one, {}))) for one in changed
            ]
            try:
                await self._database.write(lambda c: put_lamps(c, rows), of_nodes=False)
            except BaseException:
                self._changed |= changed
                raise
            for name, one in self._wanted.items():
                if changed & one.accounts:
                    self._hint(name)
        if now > self._forgot_at + FORGET_EVERY and self._number:
            self._forgot_at, before = now, int((time.time() - FORGET_EVERY) * 1_000_000)
            await self._database.write(lambda c: forget_lamps(c, self._node, before), of_nodes=False)

    # For lamps here.

    async def look(self) -> None:
        """Tell what has changed here, and take what has changed elsewhere.

        Raises:
            StoreError: The database is away.
        """
        await self._tell()
        watched, others = self._watch.watched, set(self._others())
        for node, account_id in [key for key in self._known if key[1] not in watched]:
            del self._known[node, account_id]
        if not watched:
            self._asked.clear()
            return
        self._ask_all(others, frozenset(sorted(watched)[:MOST_ACCOUNTS]))
        if others:
            seen = {node: self._seen.get(node, 0) for node in others}
            for row in await self._database.read(lambda c: read_lamps(c, seen), of_nodes=False):
                self._seen[row.node] = max(self._seen.get(row.node, 0), row.number)
                if row.account_id in watched:
                    self._take(row.node, row.account_id, _read(row.dialogs))
        self._drop_gone(others)

    def _take(self, node: str, account_id: int, dialogs: Dialogs) -> None:
        """Take the dialogs of an account at a node, all of them."""
        before = self._known.get((node, account_id), {})
        self._known[node, account_id] = dialogs
        over = [
            dialog._replace(state="terminated")
            for key, dialog in before.items()
            if key not in dialogs and not self._goes_on(account_id, key)
        ]
        self._watch.put(account_id, [*over, *dialogs.values()])

    def _goes_on(self, account_id: int, key: str) -> bool:
        """Return whether a dialog is that of this node, or another one, by now."""
        if key in self._own.get(account_id, {}):
            return True
        return any(whose == account_id and key in known for (_, whose), known in self._known.items())

    def _drop_gone(self, others: set[str]) -> None:
        """Forget the dialogs of nodes that are lost, once others have had the time to go on with them."""
        now = self._clock()
        nodes = {node for node, _ in self._known}
        for node in nodes & others:
            self._gone_at.pop(node, None)
        for node in nodes - others:
            if now >= self._gone_at.setdefault(node, now) + GOES_ON_WITHIN:
                for key in [key for key in self._known if key[0] == node]:
                    self._take(*key, {})
                    del self._known[key]
                del self._gone_at[node]

    def _ask_all(self, others: set[str], watched: frozenset[int]) -> None:
        now = self._clock()
        for name in others - self._asking.keys():
            at, asked = self._asked.get(name, (float("-inf"), frozenset()))
            if asked != watched or now >= at + ASK_EVERY:
                task = asyncio.get_running_loop().create_task(
                    self._ask_one(name, watched), name=f"lamps of {name}"
                )
                self._asking[name] = task
                task.add_done_callback(partial(self._answered, name))

    def _answered(self, name: str, _task: object) -> None:
        del self._asking[name]

    async def _ask_one(self, name: str, watched: frozenset[int]) -> None:
        self._asked[name] = self._clock(), watched
        try:
            await self._ask(name, "lamps.want", by=self._node, accounts=sorted(watched))
        except (UserError, OSError) as error:
            log.debug("another node does not tell its dialogs", node=name, error=str(error))
            self._asked.pop(name, None)

    async def close(self) -> None:
        """Ask no more."""
        await end(self._asking.values())


def _written(dialogs: Dialogs) -> str:
    return orjson.dumps([tuple(one) for one in dialogs.values()]).decode()


def _read(text: str) -> Dialogs:
    return {parts[0]: DialogState(*parts) for parts in orjson.loads(text)}
