"""A call that goes to another node while both live, as a transfer joins it with one there (RFC 3891, RFC 5589).

Two calls can be joined in one process alone. So the call, with all its parts, goes on at the other node as it would
after a restart, from its row: that is written once more, with the name of the other node, and from the same turn of the
event loop on nothing of it is here. Nobody is told anything: its peers go on sending to where they did, and their
requests are handed on by the tags, which the other node has from now on.

A call goes when it talks and nothing is under way in it: what has been asked and not answered belongs to transactions,
which cannot go along. Whoever wants it asks again in a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

from sipwright.services.rows import CallRow
from sipwright.sip import ParseError, Reject, Request
from sipwright.transport import Flow

from ..call.call import Call
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..call.table import CallTable
from ..midcall.session_timer import SessionTimer
from ..model.call_state import CallState
from ..model.leg_state import LegState
from .replaces import Replaces

__all__ = ["Moving", "Place", "referred_dialog"]

Place = Callable[[str], str]
"""Makes the key of a flow one by which another node finds it."""

_AT_REST = (LegState.ANSWERED, LegState.ENDED)


def referred_dialog(request: Request) -> Replaces | None:
    """Return the dialog that the target of a REFER is to replace, if it names one that can be read."""
    if request.method != "REFER":
        return None
    try:
        return Replaces.in_uri(request.headers.get("refer-to") or "")
    except ParseError:
        return None


class Moving:
    """Lets calls of this node go, and knows which may."""

    def __init__(self, ports: CallPorts[Call], table: CallTable) -> None:
        self._ports = ports
        self._table = table
        self.waits: Callable[[Request, Flow], bool] = lambda refer, flow: False
        """Whether a REFER waits until two calls of different nodes are at one; it then comes in again."""

    def parts_of(self, named: Replaces) -> list[Call]:
        """Return the call that a dialog is of, with all its parts; nothing if it is not here."""
        leg = named.leg(self._ports)
        call = named.ringing(self._ports) if leg is None else self._ports.calls.get(leg.owner.id)
        return [] if call is None else self._table.parts(call.common_id)

    def part_of_tag(self, tag: str) -> list[Call]:
        """Return the call of a leg with all its parts, by the tag that the leg was given."""
        leg = self._ports.legs.get(tag)
        call = None if leg is None else self._ports.calls.get(leg.owner.id)
        return [] if call is None else self._table.parts(call.common_id)

    def tags(self) -> set[str]:
        """Return the tags of all legs that there are."""
        return set(self._ports.legs)

    def is_ringing(self, parts: Iterable[Call]) -> bool:
        """Return whether a call waits for somebody to answer: then it stays, and the other one has to come."""
        return any(call.state is CallState.SETTING_UP for call in parts)

    def may_go(self, parts: Sequence[Call]) -> bool:
        """Return whether a call can go now."""
        return bool(parts) and not self._ports.store.is_away() and all(map(_is_at_rest, parts))

    def give(
        self, parts: Sequence[Call], node: str, place: Place, then: Callable[[], None]
    ) -> tuple[list[str], list[str]]:
        """Give a call away that may go; returns the ids of its parts and the tags of its legs.

        Args:
            parts: All parts of the call.
            node: Who is to have it.
            place: Makes the keys of our flows such as that one can use.
            then: Is called when it is stored.

        Raises:
            Reject: The database takes nothing now. Then the call stays.
        """
        ids, tags = [call.id for call in parts], [tag for call in parts for tag in _tags_of(call)]
        ports = self._ports
        rows = [self._row(call, node, place) for call in parts]
        try:
            for call, row in zip(parts, rows, strict=True):
                ports.store.writer.put("call", call.id, row, then if call is parts[-1] else None)
        except Reject:
            for call in parts:  # one may be there by now; where there is no room for it, it is not
                with suppress(Reject):
                    ports.store.writer.put("call", call.id, partial(ports.store.call_row, call))
            raise
        for call in parts:
            self._let_go(call)
        return ids, tags

    def _row(self, call: Call, node: str, place: Place) -> CallRow:
        """Return the row of a call as another node is to read it."""
        legs: list[Leg] = [call.caller, *call.legs]
        flows = [leg.flow for leg in legs]
        lefts = [leg.left for leg in legs]
        places = [leg.destination.flow for leg in call.legs]
        try:
            for leg in legs:
                if leg.flow is not None:
                    leg.flow = _Placed(place(leg.flow.key))  # type: ignore[assignment]  # only its key is written
                leg.left = None if leg.left is None else place(leg.left)
            for leg in call.legs:
                known = leg.destination.flow
                leg.destination.flow = None if known is None else place(known)
            return CallRow(*self._ports.store.call_row(call))._replace(node=node)
        finally:
            for leg, flow, left in zip(legs, flows, lefts, strict=True):
                leg.flow, leg.left = flow, left
            for leg, known in zip(call.legs, places, strict=True):
                leg.destination.flow = known

    def _let_go(self, call: Call) -> None:
        """Forget a call without a word to anybody."""
        ports, watch = self._ports, self._ports.watch
        if watch is not None and (tell := watch.gone(call)) is not None:
            tell()
        ports.guard.left(call.legs)
        if call.script is not None:
            call.script.let_go()
        self._table.forget(call)


class _Placed:
    """What stands for a flow while its key is written down for another node."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


def _tags_of(call: Call) -> list[str]:
    return [*(leg.local_tag for leg in (call.caller, *call.legs)), *call.caller.tags.values()]


def _is_at_rest(call: Call) -> bool:
    """Return whether a call talks, and nothing is under way in it."""
    if call.state is not CallState.TALKING or call.claimed_by is not None or not call.is_settled:
        return False
    if any(not (isinstance(each, SessionTimer) and each.is_idle) for each in call.processes):
        return False
    if call.script is not None and not call.script.may_go:
        return False
    return all(_is_leg_at_rest(leg) for leg in (call.caller, *call.legs))


def _is_leg_at_rest(leg: Leg) -> bool:
    is_open = leg.unacked_response is not None or leg.reinvite is not None or leg.pending_request is not None
    return leg.state in _AT_REST and not is_open
