"""Where phones are that have registered at other nodes.

In memory a binding of this node has the key of its flow as its source, one of another node that key with the name of
the node and `!` in front; in the database every one has a name. A registration that is new, or comes from elsewhere,
is told to the others as a row of `binding_news`, which they look for every second; a refresh is not. So where the time
of another node's binding seems to be over, it is looked up once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sipwright.services.ports import Row, Writer
from sipwright.services.registrar.bindings import Binding
from sipwright.services.rows import StoredBinding
from sipwright.store.live.binding_news import forget_news, read_bindings, read_news
from sipwright.store.writing.board import BINDINGS, Glance
from sipwright.transport.flow import place_of

from .looking import News, keep_looking

if TYPE_CHECKING:
    from sipwright.services.registrar import LocationTable
    from sipwright.store import BindingRow, Store

__all__ = ["NamedWriter", "SharedBindings"]

LOOK_EVERY = 1.0

_SOURCE = 3
"""The place of the source in the row of a binding."""


class NamedWriter:
    """The writer as the registrar has it: gives rows of bindings the name of the node, and tells the others of news."""

    def __init__(
        self, writer: Writer, locations: LocationTable, node: str, unix_time: Callable[[], float]
    ) -> None:
        self._writer = writer
        self._locations = locations
        self._node = node
        self._unix_time = unix_time
        self.spread: Callable[[tuple[int, str], Row | None], None] = _nobody_hears
        """Is told of news when they are committed, for whoever is quicker to reach than the database."""

    @property
    def is_away(self) -> bool:
        """Whether nothing that is put will be committed soon."""
        return self._writer.is_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        self._writer.is_away = is_away

    def put(
        self,
        kind: str,
        key: Hashable,
        row: Row | Callable[[], Row] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Store a row, or delete it."""
        if kind == "binding" and isinstance(key, tuple):
            account_id, contact = key
            if isinstance(row, tuple):
                is_news = self._is_news(account_id, contact, row[_SOURCE])
                row = (*row[:_SOURCE], f"{self._node}!{row[_SOURCE]}", *row[_SOURCE + 1 :])
                if is_news:
                    self._tell(key, row)
            else:
                self._tell(key, None)
        elif kind == "event_state" and isinstance(key, tuple):
            news = key[0], self._node, self._unix_time()
            self._writer.put("state_news", news[:2], news)
        self._writer.put(kind, key, row, on_commit)

    def _is_news(self, account_id: int, contact: str, source: str) -> bool:
        return all(
            (known.contact, known.source) != (contact, source)
            for known in self._locations.bindings(account_id)
        )

    def _tell(self, key: tuple[Any, ...], row: Row | None) -> None:
        said = key[0], self._node, self._unix_time()
        self._writer.put("binding_news", key[0], said, lambda: self.spread((key[0], key[1]), row))


class SharedBindings:
    """Keeps the bindings of other nodes as the database has them."""

    def __init__(
        self, store: Store, locations: LocationTable, node: str, unix_time: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._store = store
        self._locations = locations
        self._node = node
        self._unix_time = unix_time
        self._clock = clock
        self._doubtful: set[int] = set()
        self._glance = Glance(None, BINDINGS)
        self._news = News(store, read_news, forget_news, clock)
        self.on_merged: Callable[[int, Sequence[Binding], Sequence[Binding], str], object] = _nobody_watches
        """Is told which bindings an account had here, and has, when those of other nodes were taken."""

    def own(self, rows: Iterable[StoredBinding]) -> list[StoredBinding]:
        """Return stored bindings as the location table has them: those of this node without its name."""
        prefix = f"\n{self._node}!"
        return [(account_id, at, end, text.replace(prefix, "\n")) for account_id, at, end, text in rows]

    def heard(self, row: BindingRow) -> None:
        """Take a binding that another worker has just stored."""
        known = self._locations.bindings(row.account_id)
        before = next((one for one in known if one.contact == row.contact), None)
        binding = self._binding(row, self._clock() - self._unix_time())
        if before is None or not _is_later(before, binding):
            others = [one for one in known if one.contact != row.contact]
            self._locations.put(row.account_id, [*others, binding])

    def forgotten(self, account_id: int, contact: str) -> None:
        """Forget a binding that another worker has just deleted."""
        known = self._locations.bindings(account_id)
        self._locations.put(account_id, [one for one in known if one.contact != contact])

    def expired(self, account_id: int) -> None:
        """Look up the bindings of an account again, of which one has expired as far as is known here."""
        self._doubtful.add(account_id)
        self._glance.again()

    async def follow(self) -> None:
        """Look for news, until cancelled."""
        self._glance = self._store.database.glance(BINDINGS)
        what = "registrations at other nodes cannot be followed"
        await keep_looking(self.catch_up, LOOK_EVERY, what, self._glance)

    async def catch_up(self) -> None:
        """Look for news once.

        Raises:
            StoreError: The database is away.
        """
        await self._news.look(self._look_up)

    async def _look_up(self, news: set[int]) -> None:
        doubtful, self._doubtful = self._doubtful, set()
        wanted = news | doubtful
        if wanted:
            before = {account_id: set(self._locations.bindings(account_id)) for account_id in wanted}
            await self._store.writer.settle()
            found = await self._store.database.read(lambda c: read_bindings(c, wanted))
            for account_id, rows in found.items():
                self._merge(account_id, rows, before[account_id])

    def _merge(self, account_id: int, rows: Iterable[BindingRow], before: set[Binding]) -> None:
        """Take the bindings of an account as they are stored; those of our own that are newer than that stay.

        So does what has come, moved or gone while we looked: it may be newer, and the next look says if it is not.
        """
        ahead = self._clock() - self._unix_time()
        was = self._locations.bindings(account_id)
        gone = {known.contact for known in before} - {known.contact for known in was}
        merged = {row.contact: self._binding(row, ahead) for row in rows if row.contact not in gone}
        for known in was:
            is_ours, stored = "!" not in known.source, merged.get(known.contact)
            if not is_ours and known in before:
                continue
            if stored is None:
                if known not in before:
                    merged[known.contact] = known
            elif (is_ours and "!" not in stored.source) or _is_later(known, stored):
                merged[known.contact] = known
        now = list(merged.values())
        if set(was) != set(now):  # what this node has said itself is among the news
            self._locations.put(account_id, now)
            self.on_merged(account_id, was, now, "elsewhere")

    def _binding(self, row: BindingRow, ahead: float) -> Binding:
        node, plain = place_of(row.source)
        source = plain if node == self._node else row.source
        return Binding(
            int(row.expires_at + ahead), row.cseq, row.call_id, source, row.path or "", row.contact
        )


def _nobody_watches(account_id: int, was: Sequence[Binding], now: Sequence[Binding], why: str) -> None:
    """Tell nobody that phones have come or gone."""


def _nobody_hears(key: tuple[int, str], row: Row | None) -> None:
    """Tell nobody: the others look into the database."""


def _is_later(binding: Binding, other: Binding) -> bool:
    """Return whether a phone has made a binding after another one: by its own count, else by when they end."""
    if binding.call_id == other.call_id:
        return binding.cseq > other.cseq
    return binding.expires_at > other.expires_at
