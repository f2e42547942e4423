"""The location service: bindings are stored, in the table and in the database, and whoever asked for that is told.

RFC 3261 §10 has the registrar write to it. What a REGISTER asks for is read in `registrar.py`; here it is carried out:
rows to the writer, with the 200 as what is due when they are committed (told after stored).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from sipwright.services.own_probes import sign_of_life
from sipwright.services.ports import Clock, Row, Writer
from sipwright.services.refusals import store_away
from sipwright.services.registrar.bindings import Binding, Change
from sipwright.services.registrar.contacts import listed_path, read_wants_outbound
from sipwright.services.registrar.location import LocationTable
from sipwright.services.registrar.quick import Quick
from sipwright.sip import Reject, format_date

__all__ = ["BindingWatch", "LocationService", "RegistrarSnapshot"]

log = structlog.get_logger(__name__)

_FLOW_TIMER = "120"
"""Seconds within which a phone is to show that it still has its flow (RFC 5626 §4.4): as it would over TCP anyway."""
_LONGEST_USER_AGENT = 128


@dataclass(frozen=True, slots=True)
class RegistrarSnapshot:
    """How the registrar is doing: what it holds now, and what it did since it started."""

    accounts: int
    bindings: int
    accepted: int
    expired: int
    added: int


class Asked(Protocol):
    """A REGISTER as far as its answer needs it, whichever way it was read."""

    @property
    def now(self) -> float:
        """When it came, as a monotonic instant."""

    def respond(
        self, status: int, reason: str | None = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> object:
        """Answer it."""


class BindingWatch(Protocol):
    """A watch over the bindings."""

    def changed(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Take note that the bindings of an account have changed, or were only refreshed."""


class LocationService:
    """Keeps the bindings of all accounts."""

    def __init__(
        self,
        locations: LocationTable,
        writer: Writer,
        *,
        unix_time: Clock = time.time,
        on_registered: Callable[[int], None] | None = None,
    ) -> None:
        """Get ready.

        Args:
            locations: The bindings, by account.
            writer: Where they are stored.
            unix_time: Wall-clock time, for the Date of the responses and for what is stored.
            on_registered: Called with the account of a phone whose binding is new or fresh.
        """
        self.locations = locations
        self.writer = writer
        self._unix_time = unix_time
        self._on_registered = on_registered or _nobody_asks
        self.watch: BindingWatch | None = None
        self.on_expired_elsewhere: Callable[[int], object] = _nobody_asks
        """Is told of the account of a phone at another node whose time is over, as far as is known here."""
        self.accepted = 0
        """How many REGISTERs were answered 200."""
        self._expired = self._added = 0

    def store(
        self,
        asked: Asked,
        account_id: int,
        known: list[Binding],
        bindings: list[Binding],
        fresh: list[tuple[Change, Binding]],
        user_agent: str | None,
        *,
        is_outbound: bool,
    ) -> None:
        """Write what has changed, and say 200 when it is safe."""
        now_unix = self._unix_time()
        writes: list[tuple[str, Row | None]] = [
            (pair[1].contact, _row(account_id, pair, user_agent, now_unix)) for pair in fresh
        ]
        # Last, since the writer may be full after the first: too much is then stored, and not too little.
        writes += [(contact, None) for contact in _gone(known, bindings)]
        path = fresh[0][1].path if fresh else ""
        accept = partial(self._accept, asked, bindings, path, now_unix, is_outbound=is_outbound)
        if not writes:
            accept()
            return
        if self.watch is not None:
            accept = partial(self._accept_watched, accept, account_id, known, bindings)
        contact, row = writes.pop()
        if self.writer.is_away:
            self._while_away(account_id, known, bindings, accept)
            return
        waiting = _Waiting(asked, accept, is_known=_is_known(known, bindings))
        if account_id < 0:  # of a probe, whose phone is at this node alone
            self.writer.put("rollup", (0, 0, ""), sign_of_life(""), waiting)
        else:
            for other, other_row in writes:
                self.writer.put("binding", (account_id, other), other_row)
            self.writer.put("binding", (account_id, contact), row, waiting)
        self._added += max(0, len(bindings) - len(known))
        self.locations.put(account_id, bindings)
        if fresh:
            self._on_registered(account_id)

    def store_sole(self, asked: Quick, account_id: int, granted: int, *, is_known: bool = False) -> None:
        """Do what `store` does for an account with one phone: it is new, or says what it has said before."""
        read, now_unix = asked.read, self._unix_time()
        contact, key, path = read.contact, asked.flow.key, listed_path(read.path) if read.path else ""
        lines = f"Contact: {contact};expires={granted}\r\nDate: {format_date(now_unix)}\r\n"
        if path:
            lines += f"Path: {path}\r\nSupported: path\r\n"
        elif read.reg_id is not None and read_wants_outbound(read):
            lines += f"Require: outbound\r\nFlow-Timer: {_FLOW_TIMER}\r\n"
        agent = read.user_agent
        row = (
            account_id, contact, 1.0 if read.q is None else float(read.q), key, path or None, read.call_id, read.cseq,
            now_unix + granted, None if agent is None else agent[:_LONGEST_USER_AGENT], read.instance, read.reg_id,
            now_unix,
        )  # fmt: skip
        asked.accept_later(lines, self, is_known=is_known)
        self.writer.put("binding", (account_id, contact), row, asked)
        second = int(asked.now)
        self.locations.put_sole(account_id, second + granted, read.cseq, read.call_id, key, path, contact)
        self._added += not is_known
        self._on_registered(account_id)

    def accept(self, asked: Asked, bindings: list[Binding], path: str, *, is_outbound: bool) -> None:
        """Say 200, with the bindings that there are."""
        self._accept(asked, bindings, path, self._unix_time(), is_outbound=is_outbound)

    def expire(self, now: float) -> None:
        """Forget bindings whose time is over; to be called every second or so."""
        for account_id, binding in self.locations.expire(now):
            if "!" in binding.source:
                # It is another node's, where it may have been refreshed.
                self.on_expired_elsewhere(account_id)
                continue
            self._expired += 1
            log.debug("binding expired", account_id=account_id, contact=binding.contact)
            self._delete(account_id, binding)
            if self.watch is not None:
                self.watch.changed(account_id, (binding,), (), "expired")

    def forget(self, account_id: int) -> None:
        """Drop the bindings of an account that is no more."""
        bindings = self.locations.bindings(account_id)
        for binding in bindings:
            self._delete(account_id, binding)
        self.locations.put(account_id, [])
        if self.watch is not None:
            self.watch.changed(account_id, bindings, (), "account removed")

    def remove(self, account_id: int, contact: str, then: Callable[[], None]) -> bool:
        """Forget one binding of an account, and call `then` when that is stored; False if there is none.

        Raises:
            Reject: Nothing can be stored now.
        """
        bindings = self.locations.bindings(account_id)
        left = [binding for binding in bindings if contact not in (binding.contact, binding.uri)]
        if len(left) == len(bindings):
            return False
        for binding in bindings:
            if binding not in left:
                self.writer.put("binding", (account_id, binding.contact), None, then)
        self.locations.put(account_id, left)
        if self.watch is not None:
            self.watch.changed(account_id, bindings, left, "removed by its owner")
        return True

    def snapshot(self) -> RegistrarSnapshot:
        """Tell how the registrar is doing."""
        return RegistrarSnapshot(
            len(self.locations), self.locations.bindings_count, self.accepted, self._expired, self._added
        )

    def _delete(self, account_id: int, binding: Binding) -> None:
        try:
            self.writer.put("binding", (account_id, binding.contact), None)
        except Reject:
            # The database is away.  The row is found expired, or without its account, at the next start.
            log.debug("binding not deleted", account_id=account_id, contact=binding.contact)

    def _accept_watched(
        self, accept: Callable[[], None], account_id: int, known: list[Binding], bindings: list[Binding]
    ) -> None:
        accept()
        if self.watch is not None:
            self.watch.changed(account_id, known, bindings, "the phone said so")

    def _while_away(
        self, account_id: int, known: list[Binding], bindings: list[Binding], accept: Callable[[], None]
    ) -> None:
        """Refresh a phone that is known where nothing can be stored: what is stored of it leads to it still."""
        if not _is_known(known, bindings):
            raise store_away()
        self.locations.put(account_id, bindings)
        self._on_registered(account_id)
        accept()

    def _accept(
        self, asked: Asked, bindings: list[Binding], path: str, now_unix: float, *, is_outbound: bool
    ) -> None:
        second = int(asked.now)
        headers = [("Contact", f"{contact};expires={at - second}") for at, _, _, _, _, contact in bindings]
        headers.append(("Date", format_date(now_unix)))
        if path:
            headers += ("Path", path), ("Supported", "path")
        if is_outbound:
            headers += ("Require", "outbound"), ("Flow-Timer", _FLOW_TIMER)
        self.accepted += 1
        asked.respond(200, headers=headers)


class _Waiting:
    """The answer to a REGISTER that waits for its commit, or for word that there will be none for a while."""

    __slots__ = ("_accept", "_asked", "_is_known")

    def __init__(self, asked: Asked, accept: Callable[[], None], *, is_known: bool) -> None:
        self._asked = asked
        self._accept: Callable[[], None] | None = accept
        self._is_known = is_known

    def __call__(self) -> None:
        accept, self._accept = self._accept, None
        if accept is not None:
            accept()

    def store_is_away(self) -> None:
        """Answer now: a phone that was known hears that it still is, any other has to come back."""
        if self._is_known:
            self()
        elif self._accept is not None:
            self._accept = None
            refusal = store_away()
            self._asked.respond(refusal.status, refusal.reason, headers=refusal.headers)


def _gone(known: list[Binding], bindings: list[Binding]) -> list[str]:
    """Return the contacts of those that are there no more."""
    if not known or (len(known) == len(bindings) == 1 and known[0].contact == bindings[0].contact):
        return []
    left = [binding.contact for binding in bindings]
    return [binding.contact for binding in known if binding.contact not in left]


def _is_known(known: list[Binding], bindings: list[Binding]) -> bool:
    """Return whether these are the bindings that were there already, refreshed."""
    return bool(known) and {one.contact for one in known} == {one.contact for one in bindings}


def _nobody_asks(account_id: int) -> None:
    """Take no notice of a registration."""


def _row(account_id: int, pair: tuple[Change, Binding], user_agent: str | None, now_unix: float) -> Row:
    (_, contact, granted, q, instance, reg_id), (_, cseq, call_id, source, path, _) = pair
    if user_agent is not None:
        user_agent = user_agent[:_LONGEST_USER_AGENT]
    expires_at = now_unix + granted
    return (
        account_id,
        contact,
        q,
        source,
        path or None,
        call_id,
        cseq,
        expires_at,
        user_agent,
        instance,
        reg_id,
        now_unix,
    )
