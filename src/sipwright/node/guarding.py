"""The guard of a node: who has done too much is banned, scanners hear nothing, and floods are told of once a second.

What is dropped before it is read is counted by the sources of the transports; here they learn who is known, what
belongs to a call, and who is banned. A ban is a row, which all nodes and faces follow; it is made in a thread, and only
where no phone is registered.

Anybody can send a datagram in another one's name. So what was done counts against whoever has answered a challenge, or
has a connection; what datagrams alone say only makes the switch drop datagrams from there (`sources.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from sipwright.memo import Bounded
from sipwright.services.authentication import NOT_CHECKED
from sipwright.services.guard import Deed, Suspicions, scanner_of
from sipwright.services.guard.suspicion import SEVERAL
from sipwright.services.ports import AccountView
from sipwright.stack import Incoming
from sipwright.stack.backlog import Backlog
from sipwright.store import StoreError
from sipwright.store.admin import bans
from sipwright.store.admin.bans import Ban, Reason
from sipwright.transport import Flow
from sipwright.transport.network_table import read_network
from sipwright.transport.networks import is_this_machine, network_of, networks
from sipwright.transport.sources import Peer, Sources

if TYPE_CHECKING:
    from sipwright.config import GuardSettings
    from sipwright.store import Store

__all__ = ["Guarding"]

log = structlog.get_logger(__name__)

DEEDS = {"unknown user": Deed.UNKNOWN_USER, NOT_CHECKED: Deed.PERSISTENCE}
"""What credentials that were wrong are, by why they were."""

LONGEST_NAME = 64
"""Characters of the name of nobody that are remembered."""

MOST_PENDING = 500
"""Bans that wait to be stored; whoever does more meanwhile will do more still."""

MOST_LINES = 3
"""Bans made at once that have a line each; the last of these says how many others there are."""

SPARED_FOR = 600.0
"""Seconds until it is said again that somebody would be banned, were no phone registered there."""

MEASURE_EVERY = 0.25
"""Seconds between two looks at how late the loop is."""

Tell = Callable[[str, dict[str, Any]], None]


class Guarding:
    """Watches over who comes; `sources` are those of all transports."""

    def __init__(self, settings: GuardSettings, store: Store, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self.sources = Sources(
            clock, per_stranger=settings.per_stranger, all_strangers=settings.all_strangers,
            per_known=settings.per_known, allowed=networks(settings.allow),
        )  # fmt: skip
        self._suspicions, self._certain = Suspicions(), Suspicions()
        self._spared: Bounded[str, float] = Bounded()
        self._pending: dict[str, Reason] = {}
        self._next_end: float | None = None
        self._refuses = "nobody"
        self._measured_at = clock()
        self.silenced = 0
        """How many requests of scanners were taken without a word."""
        self.is_of_provider: Callable[[str], bool] = bool
        """Says whether a provider is at an address."""
        self.is_user: Callable[[str], bool] = bool
        """Says whether somebody of ours has that name."""
        self.is_dialog: Callable[[str], bool] = lambda tag: False
        """Says whether a To tag, which nobody can guess, is that of a dialog which there is."""
        self.watch: Tell | None = None
        """Is told of bans and floods."""

    # --- what is seen ----------------------------------------------------------------------------------

    def __call__(self, incoming: Incoming) -> bool:
        """Take the request of a scanner, and say nothing."""
        flow, to_tag = incoming.flow, incoming.request.to_tag
        if flow.is_known or flow.protocol == "loop" or (to_tag is not None and self.is_dialog(to_tag)):
            return False
        found = scanner_of(incoming.request, self.is_user)
        host = flow.remote[0]
        if found is None or self.is_of_provider(host) or self.sources.is_allowed(host):
            return False
        self.silenced += 1
        self.suspect(host, deed=Deed.SCANNER, what=found, is_certain=flow.is_reliable)
        return True

    def suspect(
        self, host: str, deed: Deed, what: str = "", name: str = "", *, is_certain: bool = True,
        account: AccountView | None = None,
    ) -> None:  # fmt: skip
        """Take note that somebody at an address has done what no phone does often; ban who has done enough.

        Args:
            host: The address.
            deed: What was done.
            what: What the reason of a ban says beside it.
            name: The user that there is not.
            is_certain: Whether it was done from there, and is not only said to have been.
            account: The account whose password was wrong.
        """
        if not self._settings.bans or self._is_exempt(host):
            return
        now, account_id = self._clock(), SEVERAL if account is None else account.id
        why = self._suspicions.add(host, deed, now, name, account_id)
        proven = self._certain.add(host, deed, now, name, account_id) if is_certain else None
        found = proven or why
        if found is not None and len(self._pending) < MOST_PENDING:
            if found.account_id and account is not None:
                what = f"{account.username}@{account.domain} alone"
            text = f"{found.text}: {what}" if what else found.text
            self._pending[host] = Reason(text, proven is not None, found.account_id or None)

    def failed(self, incoming: Incoming, reason: str, user: str, account: AccountView | None) -> None:
        """Take note of credentials that were wrong."""
        deed = DEEDS.get(reason, Deed.LOG_IN)
        name = user if deed is Deed.UNKNOWN_USER else ""
        self.suspect(incoming.source[0], deed, name=name, account=account)

    def unlocked(self, first: int, last: int) -> None:
        """Forgive wrong passwords of some accounts, as these have others now, or somebody has said so."""
        for suspicions in (self._suspicions, self._certain):
            suspicions.forget(first, last)

    def unknown(self, incoming: Incoming) -> None:
        """Take note of a request for nobody."""
        self.suspect(
            incoming.source[0], Deed.UNKNOWN_USER, name=incoming.request.uri_text[:LONGEST_NAME],
            is_certain=incoming.flow.is_reliable,
        )  # fmt: skip

    def malformed(self, flow: Flow) -> None:
        """Take note of a message that cannot be read."""
        self.suspect(flow.remote[0], Deed.MALFORMED, is_certain=flow.is_reliable)

    def _is_exempt(self, host: str) -> bool:
        return is_this_machine(host) or self.sources.is_allowed(host) or self.is_of_provider(host)

    async def store_bans(self) -> None:
        """Store the bans of those who have done enough, all of them at once: there may be hundreds in a second."""
        pending, self._pending = self._pending, {}
        if not pending:
            return
        first, now = self._settings.ban_minutes * 60.0, time.time()

        try:
            made, phones = await self._store.database.write(
                lambda connection: bans.add_by_itself(connection, pending, now, first)
            )
        except StoreError as error:
            log.warning("bans could not be stored", number=len(pending), error=str(error))
            return
        for host, number in phones.items():
            self._spare(host, pending[host].text, number)
        if made:
            self._tell_bans(made)
            await self._store.catch_up()

    def _spare(self, host: str, why: str, phones: int) -> None:
        """Say that a person would have to decide."""
        network, now = network_of(host), self._clock()
        if now < self._spared.get(network, 0.0):
            return
        self._spared.keep(network, now + SPARED_FOR)
        log.warning(
            "not banned, as phones are registered there", network=network, why=why, phones=phones,
            what_to_do=f"'sipwright ban add {network}' bans it nevertheless",
        )  # fmt: skip
        if self.watch is not None:
            self.watch("guard.spared", {"address": network, "reason": why, "phones": phones})

    def _tell_bans(self, made: list[Ban]) -> None:
        """Say who was banned: one line for each, or one for all where they are many."""
        for ban in made[:MOST_LINES]:
            seconds = None if ban.until is None else round(ban.until - ban.since)
            said = {"reason": ban.reason, "seconds": seconds, "times": abs(ban.times)}
            log.warning("banned", network=ban.network, others=max(0, len(made) - MOST_LINES), **said)
            if self.watch is not None:
                self.watch("ban.added", {"address": ban.network, **said, "by": "switch"})

    # --- what is in force --------------------------------------------------------------------------------

    def follow(self) -> None:
        """Let the bans be those that the directory has."""
        now, unix = self._clock(), time.time()
        found = [ban for ban in self._store.directory.bans if ban.until is None or ban.until > unix]
        ends = [ban.until for ban in found if ban.until is not None]
        self._next_end = now + min(ends) - unix if ends else None
        certain, doubted = (
            [
                (read_network(ban.network), float("inf") if ban.until is None else now + ban.until - unix)
                for ban in found
                if ban.is_doubted is wanted
            ]
            for wanted in (False, True)
        )
        self.sources.ban(certain, doubted)

    def measure(self, now: float, backlog: Backlog) -> Coroutine[Any, Any, None] | None:
        """See how late the loop is; to be called every `MEASURE_EVERY` seconds. Returns what stores new bans."""
        elapsed, self._measured_at = now - self._measured_at, now
        backlog.look(elapsed - MEASURE_EVERY)
        self._tell_load(backlog)
        self.sources.adapt(elapsed)
        return self.store_bans() if self._pending else None

    def _tell_load(self, backlog: Backlog) -> None:
        """Say when calls begin to be refused because the switch is slow, and when that is over."""
        state = "everybody" if backlog.is_too_long else "outside" if backlog.is_long else "nobody"
        if state == self._refuses:
            return
        self._refuses = state
        said = {"refused": state, "lag": round(backlog.lag, 2), "waiting": len(backlog)}
        (log.info if state == "nobody" else log.warning)(
            "new calls are refused, as the switch is slow", **said
        )
        if self.watch is not None:
            self.watch("guard.overload", said)

    def look(self) -> None:
        """End bans whose time is over, and say what was dropped."""
        if self._next_end is not None and self._clock() >= self._next_end:
            self.follow()
        dropped = self.sources.report()
        if dropped is None:
            return
        said = {
            "over_budget": dropped.over, "banned": dropped.banned, "sources": dropped.networks,
            "most_from": dropped.worst, "of_it": dropped.of_worst,
        }  # fmt: skip
        log.warning("messages dropped unread", **said)
        if self.watch is not None:
            self.watch("guard.flood", said)


def is_known_to(
    find_account: Callable[[str], object], find_providers: Callable[[str], object]
) -> Callable[[Peer], bool]:
    """Return what says whether a registered phone, or a provider, is at the end of a flow."""
    return lambda peer: find_account(peer.key) is not None or bool(find_providers(peer.remote[0]))
