"""Calls in progress: who talks to whom, and what can be done about it from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from sipwright.services.rows import CallRow
from sipwright.services.switch.recovery.document import (
    StoredCall,
    StoredLeg,
    UnreadableError,
    read_document,
)
from sipwright.store.admin import users
from sipwright.store.errors import at_field
from sipwright.store.history.call_pages import LiveCall, ScriptPlace, parts_of, read_page, script_places
from sipwright.usecases.actor import Actor
from sipwright.usecases.call_states import is_held, shown_state
from sipwright.usecases.errors import Invalid, NotFound, Refused, Unavailable, UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.repeats import key_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted
from sipwright.usecases.whose import account_of, is_seen, narrowed

__all__ = ["CallView", "Calls", "LegView"]

_LONGEST_TARGET = 500
_MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class LegView:
    """One end of a call: 0 is the caller, each phone or provider that was tried is one more."""

    leg: int
    target: str
    state: str
    provider: str | None
    status: int | None
    started_at: float
    answered_at: float | None


@dataclass(frozen=True, slots=True)
class CallView:
    """A call in progress; `line` is where its script stands, `text` that line of it.

    `state` is ``setting up``, ``ringing`` as soon as one of those that are tried rings, ``talking`` or ``ending``;
    `held` whether one end has put the other on hold. `call` is the id that the parts of one call have in common, `id`
    that of the part that is shown: the first.
    """

    id: str
    call: str
    node: str
    user: str | None
    account: str | None
    direction: str
    state: str
    held: bool
    from_: str
    to: str
    answered_by: str | None
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

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, account: str | None = None, q: str | None = None,
        parts: bool = False, limit: int = USUAL, cursor: str | None = None,
    ) -> Page[CallView]:  # fmt: skip
        """List calls in progress, the oldest first; `q` is a part of an address, or of an id.

        Each call is there once, or each of its `parts`: what one dialplan does of it.
        """
        place = place_of(cursor, "calls", float, str)

        def work(connection: Connection) -> Page[CallView]:
            owner_id = narrowed(connection, actor, user)
            found = paged(
                "calls",
                limit,
                lambda most: read_page(
                    connection, most, place, user_id=owner_id, account=account, q=q, by_call=not parts
                ),
                lambda row: (row.call.started_at, row.call.id),
                lambda row: row,
            )
            return Page(_views(connection, found.items, owner_id), found.next)

        return await self._ground.read(work)

    @needs("read")
    async def get(self, actor: Actor, call: str) -> CallView:
        """Show a call in progress, by its own id or the one that its parts have in common."""

        def work(connection: Connection) -> CallView:
            return _views(
                connection, (_find(connection, actor, call),), None if actor.is_admin else actor.user_id
            )[0]

        return await self._ground.read(work)

    @needs("call")
    async def hangup(self, actor: Actor, call: str) -> None:
        """End a call.

        Raises:
            Refused: Its state does not allow it; so for the others below.
            Unavailable: The switch does not run; so for the others below.
        """
        await self._steer(actor, "hangup", call)

    @needs("call")
    async def transfer(self, actor: Actor, call: str, to: str) -> None:
        """Connect the caller, or who is at the other end, with somebody else."""
        await self._steer(actor, "transfer", call, to=_target(to, "to"))

    @needs("call")
    async def redirect(self, actor: Actor, call: str, to: str) -> None:
        """Let a call that rings ring elsewhere."""
        await self._steer(actor, "redirect", call, to=_target(to, "to"))

    @needs("call")
    async def pickup(self, actor: Actor, call: str, by: str) -> None:
        """Let an account take a call that rings elsewhere."""
        taker = await self._account(actor, by, "by")
        await self._steer(actor, "pickup", call, by=taker[0])

    @needs("call")
    async def place(
        self, actor: Actor, from_: str, to: str, *, user: str | None = None, key: str | None = None
    ) -> str:
        """Ring an account, connect it with somebody, and return the id of the call; one `key` places one call."""
        target = _target(to, "to")
        caller, user_id, owner = await self._account(actor, from_, "from")
        if user is not None and user != owner:
            raise Invalid.of("from", f"{caller} is not an account of {user!r}")
        asked = {"from": caller, "to": target, **_acting(actor, user_id)}
        if key is not None:
            asked["key"] = key_of(key)
        answer = await self._ground.ask("calls.place", **asked)
        call = str(answer["call"])
        if not answer.get("repeated"):
            values = {"from": caller, "to": target}
            await self._ground.record(Noted.of(actor, "calls.place", call, None, values))
        return call

    async def _steer(self, actor: Actor, what: str, call: str, **arguments: str) -> None:
        row = await self._ask(actor, what, call, arguments)
        told = {"from": row.from_text, "to": row.to_text, "state": row.state}
        done: dict[str, str] | None = arguments or None
        noted = Noted.of(actor, f"calls.{what}", row.id, told if done is None else None, done)
        await self._ground.record(noted)

    async def _ask(self, actor: Actor, what: str, call: str, arguments: Mapping[str, str]) -> CallRow:
        """Ask the node that has a call for something; and the one that has it then, if it has moved meanwhile."""
        asked: CallRow | None = None
        why: UseCaseError | None = None
        while True:
            try:
                row = (await self._ground.read(lambda c: _find(c, actor, call))).call
            except NotFound:
                if asked is not None and what == "hangup":
                    return asked  # it has ended, which is all that was wanted
                raise
            if row.state == "ending":
                raise Refused("the call is over")
            if why is not None and asked is not None and row.node == asked.node:
                raise why
            asked = row
            acting = _acting(actor, row.user_id)
            try:
                await self._ground.ask_at(row.node, f"calls.{what}", call=row.id, **arguments, **acting)
            except (NotFound, Unavailable) as error:
                why = error
            else:
                return row

    async def _account(self, actor: Actor, name: str, field: str) -> tuple[str, int, str]:
        """Find an account of the actor's: its address, its owner's number and name.

        Raises:
            Invalid: There is none.
        """
        if not name.strip():
            raise Invalid.of(field, "say which account: its name, such as alice")

        def work(connection: Connection) -> tuple[str, int, str]:
            with at_field(field):
                found = account_of(connection, self._ground.keys, actor, name.strip())
            names = {one.id: one.name for one in users.read_all(connection)}
            return found.aor, found.user_id, names[found.user_id]

        return await self._ground.read(work)


def _acting(actor: Actor, user_id: int | None) -> dict[str, Any]:
    """Return for whom the switch acts: whose call it is, by whose rules it is dialled."""
    return {"user_id": user_id if actor.is_admin else actor.user_id}


def _target(text: str, field: str) -> str:
    wanted = text.strip()
    if not wanted or not wanted.isprintable() or len(wanted) > _LONGEST_TARGET:
        raise Invalid.of(
            field, "say whom: an account, a number or a dial string, such as bob or 300@blueface"
        )
    return wanted


def _find(connection: Connection, actor: Actor, call: str) -> LiveCall:
    """Find a call in progress that the actor may see.

    Raises:
        NotFound: There is none.
    """
    rows = read_page(connection, _MOST_PARTS, call_id=call, by_call=False)
    seen = [row for row in rows if is_seen(actor, row.call.user_id)]
    if not seen:
        raise NotFound(f"there is no call {call!r} in progress; if it is over, its trace says how it went")
    return next((row for row in seen if row.call.id == call), seen[0])


def _views(connection: Connection, rows: Sequence[LiveCall], user_id: int | None) -> tuple[CallView, ...]:
    scripts = script_places(connection, [row.call.id for row in rows])
    answered = [_common_id(row.call) for row in rows if row.call.answered_at is not None]
    parts: dict[str, dict[str, StoredCall]] = {}
    for part in parts_of(connection, answered, user_id) if answered else ():
        stored = _read(part)
        if stored is not None:
            parts.setdefault(_common_id(part), {})[part.id] = stored
    return tuple(
        _view(row, scripts.get(row.call.id), _who_answered(row.call.id, parts.get(_common_id(row.call), {})))
        for row in rows
    )


def _common_id(call: CallRow) -> str:
    return call.linked_id or call.id


def _read(call: CallRow) -> StoredCall | None:
    """Read how a call stands; None if another version has written it, whose columns say the most of it."""
    try:
        return read_document(call.document)
    except UnreadableError:
        return None


def _who_answered(call_id: str, parts: dict[str, StoredCall]) -> str | None:
    """Return who talks with the caller: behind a leg that leads to another part, whoever answered there."""
    found: str | None = None
    by_caller = {part.caller.call_id: name for name, part in parts.items()}
    part = parts.pop(call_id, None)
    while part is not None and part.peer is not None:
        leg = part.legs[part.peer - 1]
        found = str((leg.destination or {}).get("target") or "") or found
        part = parts.pop(by_caller.get(leg.call_id, ""), None)
    return found


def _view(row: LiveCall, script: ScriptPlace | None, answered_by: str | None) -> CallView:
    call = row.call
    stored = _read(call)
    legs = () if stored is None else _legs(stored, call)
    return CallView(
        id=call.id,
        call=_common_id(call),
        node=call.node,
        user=row.user,
        account=row.account,
        direction=call.direction,
        state=shown_state(call.state, stored),
        held=is_held(stored),
        from_=call.from_text,
        to=call.to_text,
        answered_by=answered_by,
        provider=next((leg.provider for leg in legs if leg.provider and leg.state != "ended"), None),
        started_at=call.started_at,
        answered_at=call.answered_at,
        dialplan=script.dialplan if script else None,
        version=script.version if script else None,
        line=script.line if script else None,
        text=script.text if script else None,
        legs=legs,
    )


def _legs(stored: StoredCall, call: CallRow) -> tuple[LegView, ...]:
    return tuple(_leg(index, leg, call) for index, leg in enumerate((stored.caller, *stored.legs)))


def _leg(index: int, leg: StoredLeg, call: CallRow) -> LegView:
    to = leg.destination or {}
    provider = leg.provider or to.get("provider")
    status = (leg.outcome or {}).get("status")
    return LegView(
        leg=index,
        target=str(to.get("target") or (call.to_text if index else call.from_text)),
        state=leg.state,
        provider=None if provider is None else str(provider[1]),
        status=status if isinstance(status, int) else None,
        started_at=leg.started_at,
        answered_at=leg.answered_at,
    )
