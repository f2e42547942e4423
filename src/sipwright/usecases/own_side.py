"""A user's own side of a call: where the phones of other users are, the messages to and from them would say.

That a neighbour was called, and what came of it, belongs to the call. Where their phones are, and what these write
about themselves, does not: of such a leg the arrows stay, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from sipwright.monitor.trace.ladder import Rung
from sipwright.services.switch.model.header_table import SOURCE_HEADER
from sipwright.sip import ParseError, Uri, parse
from sipwright.store.schema import tables
from sipwright.usecases.actor import Actor

__all__ = ["own_side"]

_FIRST_SOURCE = re.compile(
    rb"^" + SOURCE_HEADER.encode() + rb"[ \t]*:[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE
)
"""What one call tells the next on the loop between them: the address of whoever called first."""

_DETAILS = re.compile(r" \(.*|: .*", re.DOTALL)
"""What a label says of a message beside its method or status: where it wants the audio, or why it cannot be read."""


def own_side(connection: Connection, actor: Actor, ladder: Sequence[Rung]) -> list[Rung]:
    """Return the messages of a call as somebody may see them: an admin all of them."""
    if actor.is_admin:
        return list(ladder)
    read = [_call_id(rung) for rung in ladder]
    shown, theirs = _sides(connection, actor, zip(ladder, read, strict=True))
    return [
        _without_source(rung)
        if rung.flow.startswith("loop/") or _is_shown(rung, call_id, shown, theirs)
        else _bare(rung)
        for rung, call_id in zip(ladder, read, strict=True)
    ]


def _sides(
    connection: Connection, actor: Actor, ladder: Iterable[tuple[Rung, str | None]]
) -> tuple[set[int], set[str | None]]:
    """Return the legs to phones of the actor's or out of this switch, and the Call-IDs of all others.

    Our INVITE of each leg says where it leads; its To is an account's own name, whatever a script has dialled.
    """
    column = tables.domains.c
    served = set(connection.scalars(select(column.name)))
    shown, theirs = {0}, set()
    for rung, call_id in ladder:
        if rung.leg and rung.peer and not rung.is_to_switch and rung.leg not in shown:
            if _is_own(connection, actor, rung.peer, served):
                shown.add(rung.leg)
            else:
                theirs.add(call_id)
    return shown, theirs


def _is_shown(rung: Rung, call_id: str | None, shown: set[int], theirs: set[str | None]) -> bool:
    """Whatever cannot be read, or belongs to no leg, may be of either side."""
    return rung.leg in shown and call_id not in theirs and (call_id is not None or not theirs)


def _call_id(rung: Rung) -> str | None:
    try:
        return parse(rung.data).call_id
    except ParseError:
        return None


def _is_own(connection: Connection, actor: Actor, aor: str, served: set[str]) -> bool:
    try:
        uri = Uri.parse(aor)
    except ParseError:
        return False
    if uri.host not in served:
        return True
    accounts, domains = tables.accounts.c, tables.domains.c
    query = select(accounts.user_id).join_from(
        tables.accounts, tables.domains, domains.id == accounts.domain_id
    )
    owner = connection.scalar(query.where(accounts.username == uri.user, domains.name == uri.host))
    return owner == actor.user_id


def _bare(rung: Rung) -> Rung:
    """Leave of a message what it is, and not where it wants the audio."""
    return replace(rung, label=_DETAILS.sub("", rung.label), flow="", data=b"")


def _without_source(rung: Rung) -> Rung:
    return replace(rung, data=_FIRST_SOURCE.sub(b"", rung.data)) if rung.flow.startswith("loop/") else rung
