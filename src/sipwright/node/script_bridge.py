"""Where calls and dialplans meet: the dialplan of a call is begun, and gone on with in another process.

The two services do not know each other; here, and in `call_hosts.py`, are the only places that know both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import structlog

from sipwright.services.callers import IDENTITY
from sipwright.services.dialplan import (
    Call as ScriptCall,
)
from sipwright.services.dialplan import (
    Executions,
    Inputs,
    Sandbox,
    UserLimits,
)
from sipwright.services.dialplan.outside import EnumLookup, HttpClient, Mailer, MailSettings
from sipwright.services.ports import Clock
from sipwright.services.rows import ExecutionRow, JournalRow
from sipwright.services.switch import (
    Call,
    CallState,
    Identity,
    ScriptRun,
    verification_of,
)
from sipwright.sip import NameAddr, Uri
from sipwright.stack import TimedTokens
from sipwright.store.history.plan_modules import Pins
from sipwright.store.history.runs import pins_in, read_journals, read_plan
from sipwright.store.schema.entities import Dialplan
from sipwright.transport.dns_lookup import system_resolver
from sipwright.transport.networks import networks

from .call_hosts import GONE, AfterCall, CallHost, DivertedCallHost
from .script_effects import Calls, ScriptEffects, Sealing

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from sipwright.config import DialplanSettings
    from sipwright.services.registrar import LocationTable
    from sipwright.store import Store

__all__ = ["Scripts", "StoredRun"]

TRANSFER_PLAN = "transfer"
"""The name of the dialplan that decides about the transfers of its owner's calls."""

PATIENCE = 5.0
"""For how many seconds a clean stop waits for posts, mails and texts that are on their way."""


class StoredRun(NamedTuple):
    """A run of an earlier process: its row, the version that it runs, its journal."""

    row: ExecutionRow
    plan: Dialplan | None
    journal: list[JournalRow]


class Scripts:
    """Starts the dialplans of calls; the sandbox's workers live from `start` to `close`."""

    def __init__(  # noqa: PLR0913 (everything that a script can reach)
        self,
        settings: DialplanSettings,
        store: Store,
        locations: LocationTable,
        calls: Callable[[], Calls],
        limits_of: Callable[[int], UserLimits],
        *,
        node: str | None = None,
        clock: Clock = time.time,
        mail: MailSettings | None = None,
        is_own_host: Callable[[str], bool] = lambda host: False,
        dns_server: tuple[str, int] | None = None,
    ) -> None:
        self._store = store
        self._sandbox = Sandbox(
            settings.limits(), workers=settings.workers, recycle=settings.recycle, fast_path=settings.fast_path,
            # An owner of scripts is a user here; the sandbox only asks that they can be told apart.
            owner_seconds=lambda owner: limits_of(cast("int", owner)).seconds_per_minute,
        )  # fmt: skip
        http = HttpClient(networks(settings.http_networks), is_own_host)
        self.effects = ScriptEffects(
            store, locations, calls, http, EnumLookup(settings.enum_zones, make=partial(system_resolver, dns_server)),
            Mailer(mail or MailSettings()),
        )  # fmt: skip
        self.executions = Executions(
            self._sandbox, store.writer, clock=clock, token=TimedTokens(), effects=self.effects, node=node,
            user_limits=limits_of, vault=Sealing(store.keys),
        )  # fmt: skip

    def why_no_run(self, user_id: int, direction: str) -> str | None:
        """Say why a user may not start another run now, if there is a record of that already."""
        return self.executions.why_no_run(user_id, direction)

    def runs_on(self, execution_id: str) -> bool:
        """Return whether a run goes on."""
        return self.executions.get(execution_id) is not None

    def is_behind(self, user_id: int) -> bool:
        """Return whether runs of a user wait for so long that another one had better not begin."""
        return self._sandbox.is_behind(user_id)

    async def open(self) -> None:
        """Start the workers."""
        await self._sandbox.start()

    async def drain(self) -> None:
        """Finish what must not be done twice, as far as there is time; all else goes on meanwhile."""
        self.executions.stop()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.writer.settle()  # with which the last effects begin
                await self.executions.finish()
        except TimeoutError:
            log.warning("effects of dialplans were cut", seconds=PATIENCE)

    async def close(self) -> None:
        """Stop the workers; runs that wait stay in the database."""
        await self.executions.close()
        await self.effects.close()
        await self._sandbox.close()

    async def load(self, node: str) -> list[StoredRun]:
        """Read the runs of an earlier process."""
        journals = await read_journals(self._store.database, node)
        return await self.with_plans(await self._store.load_executions(node), journals)

    async def with_plans(
        self, rows: Iterable[ExecutionRow], journals: Mapping[str, list[JournalRow]]
    ) -> list[StoredRun]:
        """Read which versions some runs of another process run."""
        plans: dict[tuple[int | None, int | None, Pins], Dialplan | None] = {}
        runs = []
        for row in rows:
            if row.id not in journals:
                continue  # another version has written it, and can go on with it
            version = (row.dialplan_id, row.version, pins_in(journals[row.id]))
            if version not in plans:
                plans[version] = await read_plan(self._store.database, *version)
            runs.append(StoredRun(row, plans[version], journals[row.id]))
        return runs

    def recover(
        self, runs: Iterable[StoredRun], waiting: Mapping[str, Call], unread: Collection[str] = ()
    ) -> None:
        """Go on with runs of an earlier process; `waiting` has their calls, by execution id.

        Those of calls that are `unread` stay as they are, for whoever can read the calls.
        """
        for row, plan, journal in runs:
            if row.call_id in unread:
                continue
            call = waiting.get(row.id)
            if plan is None:
                log.error(
                    "dialplan run lost", execution=row.id, call_id=row.call_id, why="its version is gone"
                )
                continue
            if call is None:
                after = AfterCall()
                after.execution = self.executions.restore(row, journal, plan, after)
                after.execution.call_ended(0.0)  # in case it waits for that
                after.execution.no_caller(GONE)
            else:
                call.script = self.executions.restore(row, journal, plan, CallHost(call))
                if call.state is CallState.TALKING and call.peer is not None:
                    call.script.answered(call.peer.destination.target)

    def start(self, call: Call, dialplan_id: int) -> ScriptRun | None:
        """Start the live version of a dialplan for a call; `None` when there is no such dialplan."""
        directory = self._store.directory
        plan = directory.dialplan(dialplan_id)
        if plan is None:
            return None
        identity = call.identity
        identity.dialplan_id, identity.dialplan, identity.version = plan.id, plan.name, plan.version
        # What may be dialled is the same whoever had the idea, so rules for calls out hold for transfers.
        direction = "out" if identity.direction == "transfer" else identity.direction
        script_call = self._script_call(call, plan, direction)
        host = CallHost(call)
        return self.executions.run(
            plan,
            inputs_of(call, script_call),
            host,
            call_id=call.id,
            account_id=identity.account_id,
            is_urgent=call.is_emergency,
        )

    def _script_call(self, call: Call, plan: Dialplan, direction: str) -> ScriptCall:
        directory, identity = self._store.directory, call.identity
        owner = directory.users.get(plan.user_id)
        account_id, provider = identity.account_id, call.caller.provider
        account = None if account_id is None else directory.account_by_id(account_id)
        return ScriptCall(
            id=call.id,
            direction=direction,
            account="" if account is None else account.username,
            user="" if owner is None else owner.name,
            dialplan=plan.name,
            active=call.ports.table.active(identity.user_id),
            timezone="UTC" if owner is None else owner.timezone,
            provider=None if provider is None else provider[1],
            **self._verified(call),
        )

    def _verified(self, call: Call) -> dict[str, str | None]:
        """Return what a provider that is believed says about the caller's number."""
        named, invite = call.caller.provider, call.caller.invite
        provider = None if named is None else self._store.directory.provider(*named)
        if provider is None or invite is None or provider.identity != IDENTITY[1]:
            return {}
        return verification_of(invite)._asdict()

    def divert(
        self, call: Call, dialplan_id: int, target: Uri, take: Callable[[], object], then: Callable[[], object],
        refused: Callable[[str], object],
    ) -> bool:  # fmt: skip
        """Let a dialplan decide where a call goes that somebody wants to be somewhere else; False if it is gone."""
        plan = self._store.directory.dialplan(dialplan_id)
        if plan is None:
            return False
        host = DivertedCallHost(call, plan, take, then, refused)
        host.execution = self.executions.run(
            plan,
            inputs_of(call, self._script_call(call, plan, "out"), target),
            host,
            call_id=call.id,
            account_id=call.identity.account_id,
            is_urgent=call.ports.settings.is_emergency("out", target.user or ""),
        )
        return True

    def transfer_plan(self, identity: Identity, account_id: int | None) -> int | None:
        """Return the dialplan `transfer` of whoever asks, else the *out* dialplan of the account whose phone asks.

        For anybody who has no account here there is only the dialplan `transfer` of the call's owner.
        """
        directory = self._store.directory
        plan = directory.dialplan_named(identity.user_id, TRANSFER_PLAN)
        if plan is not None:
            return plan.id
        asking = None if account_id is None else directory.account_by_id(account_id)
        if asking is None or asking.user_id != identity.user_id:
            return None
        return asking.out_plan


def inputs_of(call: Call, script_call: ScriptCall, target: Uri | None = None) -> Inputs:
    """Return what a script sees of the request that began a call; `target` is where it is to go instead."""
    request = call.caller.invite
    assert request is not None
    uri, sender = target or request.request_uri, request.from_
    if call.shown_from is not None:
        sender = NameAddr.parse(call.shown_from)
    is_brought = call.caller.provider is not None and target is None  # and then the number may be elsewhere
    return Inputs.of(
        script_call,
        method=request.method,
        uri=call.to_text if is_brought else request.uri_text if target is None else str(target),
        user=call.dialled_user if is_brought else uri.user or "",
        host=uri.hostport,
        from_name=sender.display_name or "",
        from_user=sender.uri.user or "",
        from_host=sender.uri.hostport,
        to=str(request.to.uri),
        source=call.caller.source,
        user_agent=request.headers.get("user-agent") or "",
        body=request.body,
        headers=request.headers.items(),
    )
