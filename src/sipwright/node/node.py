"""One node: when all that it is made of begins and ends (what that is: `wiring.py`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import structlog

from sipwright.cluster.lease import silence_of
from sipwright.config import TRANSPORTS, Settings
from sipwright.ending import end
from sipwright.store import Store
from sipwright.store.writing.waiting_log import folder_of

from .forgetting import keep_forgetting
from .guarding import MEASURE_EVERY
from .recorded_legs import RecordedLegs
from .rounds import Rounds
from .several.crew import Crew, Place
from .several.neighbours import Neighbours
from .taking_up import take_up
from .wiring import Wiring

__all__ = ["Node"]

log = structlog.get_logger(__name__)


class Node(Wiring):
    """One running switch with everything it is made of; must be made inside a running event loop."""

    def __init__(
        self, settings: Settings, store: Store, nonce_secret: bytes, neighbours: Neighbours | None = None,
        crew: Crew | None = None,
    ) -> None:  # fmt: skip
        super().__init__(settings, store, nonce_secret, neighbours, crew)
        self.recorded_legs = RecordedLegs(store, self._unix_time)
        self.switch.late_answers.records = self.recorded_legs
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, settings: Settings, place: Place | None = None) -> Node:
        """Open the database and make the node; nothing listens yet. A `place` is that of one of several workers.

        Raises:
            StoreError: The database cannot be used.
            NameTaken: Another node of this name has it.
        """
        store = await Store.open(
            settings.database_url, settings.key_file, account_limit=settings.database.accounts_in_memory,
            synchronous=settings.database.synchronous, keeper=None if place is None else settings.data_dir,
            waiting=folder_of(settings.data_dir, settings.node), silence=silence_of(settings.cluster.lost_after),
        )  # fmt: skip
        if not store.is_shared and settings.worker <= 1:
            await store.gather(settings.node, is_alone=place is None)
        if settings.sip.domains:
            await store.ensure_domains(settings.sip.domains)
            await store.catch_up()
        try:
            is_alone = place is None and not store.is_shared
            neighbours = None if is_alone else await Neighbours.join(settings, store)
            if neighbours is not None and store.is_shared:
                await store.take_up_left(neighbours.membership.fence, settings.node)
        except BaseException:
            await store.close()
            raise
        crew = None if place is None else Crew(place)
        return cls(settings, store, await store.secret("nonce"), neighbours, crew)

    async def start(self) -> None:
        """Take up what an earlier process left, then listen.

        Raises:
            OSError: An address cannot be had.
        """
        if self.neighbours is not None:
            # However long it takes to read what there is: nobody is to go on with it meanwhile.
            self._begin(self.neighbours.membership.run())
        await self.scripts.open()
        await self._take_up_phones()
        await self.agent.load()
        self.origins.addresses.start()
        if self.crew is not None:
            self.crew.start()
        await self.stack.start(is_held=True)
        await self.stun.start()
        # Whoever is answered by SIP can also ask how the switch is; that answer waits for the calls.
        self.control.listen()
        # But for registrations and pings nothing is looked at before every call of the earlier process is there again.
        self.stack.intake.hold(but_pings=True)
        calls = await self._take_up_calls()
        self.stack.intake.release()
        self.provider_states.load(await self.store.load_provider_states(self.settings.node))
        await self.agent.start()
        await self.monitoring.open()
        for work in self._works():
            self._begin(work)
        log.info("switch started", node=self.settings.node, registered=len(self.locations), calls=calls,
                 **{name: getattr(self.settings.sip, name) for name in TRANSPORTS
                    if name in ("udp", "tcp") or getattr(self.settings.sip, name)})  # fmt: skip
        self.collector.start(time.monotonic())

    async def _take_up_phones(self) -> None:
        """Read where phones are, and what they want to know."""
        bindings = await self.store.load_bindings()
        if self.neighbours is not None:
            bindings = self.neighbours.bindings.own(bindings)
        self.locations.load(bindings, time.monotonic(), self.clock())
        said = await self.store.load_event_states()
        self.summaries.load(said)
        self.registrations.presence.load(said)
        self.dialog_watch.hold()
        self.notifier.recover(await self.store.load_subscriptions(self.settings.node))

    async def _take_up_calls(self) -> int:
        """Go on with the calls and the scripts of an earlier process; return how many calls there were."""
        calls = await self.store.load_calls(self.settings.node)
        await self.call_guard.open(await self.store.load_spendings())
        await take_up(self.switch, self.scripts, calls, await self.scripts.load(self.settings.node))
        self.dialog_watch.fill()
        self.notifier.resume()
        if self.limit_shares is not None:
            await self.limit_shares.open()
        await self.control.start()
        if self.neighbours is not None:
            await self.neighbours.exchange.start()
            await self.neighbours.moved.note_strays()
        return len(calls)

    def _works(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Give what goes on until the node ends."""
        yield self.store.follow_changes()
        yield self._rounds().run()
        yield self.clock_watch.run()
        yield keep_forgetting(self.settings, self.store, self.monitoring.forget)
        yield self.profile_checks.run()
        yield self.keep_alives.run()
        yield self.monitoring.watch()
        yield self.unusual_calls.keep_storing()
        yield self.learning.run()
        if self.neighbours is not None:
            yield from self.neighbours.tasks()
        if self.limit_shares is not None:
            yield self.limit_shares.run()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run until the node ends; what ends by a fault of ours is missing from then on."""
        task = asyncio.create_task(work)
        task.add_done_callback(_report)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Finish what cannot be taken up again, stop listening, commit what waits and close.

        Calls in progress stay in the database and go on later; what we have registered at providers stays registered.
        """
        await self.control.close()
        await self.scripts.drain()
        await self._end()
        is_drained = self.neighbours is not None and self.neighbours.drained.is_set()
        if is_drained:
            self.stack.intake.hold()  # another node is told of it once that has the calls
        else:
            self.stack.intake.stop()
        await self.store.writer.settle()
        if self.neighbours is not None:
            await self.neighbours.leave()
        await self._close()
        if is_drained:
            await self.store.abandon()  # what was put has been settled; from now on it is another node's
        else:
            await self.store.close()
        log.info("switch stopped", node=self.settings.node, calls=len(self.switch.calls))

    async def abandon(self) -> None:
        """Stop without another word: what is in progress here is another node's by now."""
        self.stack.intake.stop()
        await self._end()
        await self.control.close()
        await self._close()
        await self.store.abandon()
        log.error("switch stopped, as another node has its calls", node=self.settings.node)

    async def _end(self) -> None:
        """Begin nothing any more."""
        self.agent.close()
        self.messages_asked.close()
        self.accounts.close()
        self.recorded_legs.close()
        self.switch.servers.clear()
        await end(self._tasks)
        if self.neighbours is not None:
            await self.neighbours.moved.close()
            await self.neighbours.exchange.close()
        await self.monitoring.close()
        self.recorder.close()

    async def _close(self) -> None:
        """Close all but the database."""
        await self.stack.close()
        await self.stun.close()
        if self.crew is not None:
            self.crew.close()
        await self.scripts.close()
        self.unusual_calls.close()
        self.collector.close()

    def _rounds(self) -> Rounds:
        """Return what is looked at again and again."""
        rounds = Rounds(time.monotonic)
        rounds.every(MEASURE_EVERY, lambda now: self.guarding.measure(now, self.stack.backlog))
        rounds.every(MEASURE_EVERY, self.outage.look)
        rounds.every(1.0, lambda _: self.guarding.look())
        rounds.every(1.0, self.location_service.expire)
        rounds.every(1.0, lambda _: self.registrations.expire())
        rounds.every(1.0, self.collector.look)
        return rounds


def _report(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("a task of the node has failed", exc_info=error)
