"""Events as a node notes them, many to a line; whoever reads makes of them what people are told.

A call is not to pay for those who watch it. So it, and its script, say no more than what they have at hand, as a
`Sketch`: the values that all of their events have, and those of this one, as they are. What they are called, and how
they are shown, is found out here: in the process that reads, once for all its readers. Anything else says what it has
to by name (`shown`), as does whoever tells a reader that does not know notes.

::

    {"node": "n1", "ids": [17, 18], "notes": [[type, at, user, call, data, node if it is another], ...]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from sipwright.control.events import Event
from sipwright.printable import printable

__all__ = [
    "AT_ONCE", "FORM", "LONGEST_VALUE", "Note", "Sketch", "events_of", "notes_of", "shown", "write_events",
    "write_notes",
]  # fmt: skip

FORM = 1
"""The number of this form, by which readers ask for notes: who asks for another one is told of events."""

AT_ONCE = 100
"""Notes in a line."""

LONGEST_VALUE = 200
"""Characters of a value in an event."""

Sketch = tuple[tuple[Any, ...], tuple[Any, ...]]
"""What a call or a script says: what all of its events do (`_of_all`, `_of_script`), and what one of its type does."""

Note = tuple[str, float, str | None, str | None, Mapping[str, Any] | Sketch, str | None]
"""Its type, when it happened, whose it is, the call, its data, and the node if it is another one than tells of it."""


def write_notes(node: str, ids: Sequence[int], notes: Sequence[Note]) -> bytes:
    """Write notes as a line."""
    said = {"node": node, "ids": [*ids], "notes": notes}
    try:
        return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, which JSON cannot hold
        said["notes"] = [(*note[:4], _data_of(note[0], note[4]), note[5]) for note in notes]
        return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


def write_events(node: str, ids: Iterable[int], notes: Iterable[Note]) -> list[bytes]:
    """Write each note as an event, which is a line of its own."""
    told = (_event(node, number, note).to_json() for number, note in zip(ids, notes, strict=True))
    return [orjson.dumps({"event": one}, option=orjson.OPT_APPEND_NEWLINE) for one in told]


def events_of(said: Mapping[str, Any]) -> list[Event]:
    """Return the events that a line is of, whichever of the two it is; there are none in any other."""
    if "event" in said:
        return [Event.from_json(said["event"])]
    return [_event(said["node"], number, note) for number, note in notes_of(said)]


def notes_of(said: Mapping[str, Any]) -> list[tuple[int, Note]]:
    """Return the notes of a line, whichever of the two it is, each with its id and the node that it is of."""
    if "event" in said:
        one = Event.from_json(said["event"])
        return [(int(one.id), (one.type, one.at, one.user, one.call, one.data, one.node))]
    pairs = zip(said.get("ids", ()), said.get("notes", ()), strict=True)
    return [(number, (*note[:5], note[5] or said["node"])) for number, note in pairs]


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data as people can read it: no value is too long, or has what nobody sees; None is left out."""
    told = {}
    for name, value in data.items():
        kind = type(value)
        if kind is str and value.isascii() and value.isprintable() and len(value) <= LONGEST_VALUE:
            told[name] = value
        elif value is not None:
            told[name] = value if kind in _PLAIN else _cut(value)
    return told


_PLAIN = frozenset({bool, int, float})


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, LONGEST_VALUE)
    return [_cut(each) for each in value[:10]] if isinstance(value, (list, tuple)) else value


def _event(node: str, number: int, note: Note) -> Event:
    kind, at, user, call, data, other = note
    return Event(f"{number:017}", kind, at, other or node, user, call, _data_of(kind, data))


def _data_of(kind: str, data: Mapping[str, Any] | Sketch) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    of_all, own = data
    names = _of_script if kind.startswith("script.") else _of_all
    return shown({**names(*of_all), **_OWN[kind](*own)})


# What the events of a call say.


def _of_all(
    caller: str, callee: str, direction: str, account: str | None, dialplan: str | None, provider: str | None,
    part: str | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "from": _address(caller), "to": _address(callee), "direction": direction, "account": account,
        "dialplan": dialplan, "provider": provider, "part": part,
    }  # fmt: skip


def _started() -> dict[str, Any]:
    return {}


def _ringing(leg: int, target: str, provider: str | None) -> dict[str, Any]:
    return {"leg": leg, "target": _address(target), "provider": provider}


def _answered(
    leg: int, target: str, provider: str | None, is_transferred: bool | None, *others: str | None
) -> dict[str, Any]:
    own = {"leg": leg, "target": _address(target), "provider": provider, "transferred": is_transferred}
    return {**own, "from": others[0] and _address(others[0])} if others else own


def _held(by: Iterable[str]) -> dict[str, Any]:
    return {"held": bool(by), "by": [_address(each) for each in by]}


def _ended(
    answered_at: float | None, ended_at: float, status: int | None, reason: str | None, by: str | None
) -> dict[str, Any]:
    talked = 0.0 if answered_at is None else round(max(0.0, ended_at - answered_at), 3)
    return {
        "answered": answered_at is not None, "duration": talked, "status": status, "reason": reason,
        "hung_up_by": by,
    }  # fmt: skip


# What the events of a script say.


def _of_script(dialplan: str | None, version: int | None) -> dict[str, Any]:
    return {"dialplan": dialplan, "version": version}


def _line(line: int | None, text: str | None, function: str | None, says: str | None) -> dict[str, Any]:
    return {"line": line, "text": text, "function": function, "says": says}


def _failed(line: int | None, text: str | None, why: str, kind: str) -> dict[str, Any]:
    return {"line": line, "text": text, "why": why, "kind": kind}


_OWN: dict[str, Callable[..., dict[str, Any]]] = {
    "call.started": _started,
    "call.ringing": _ringing,
    "call.answered": _answered,
    "call.held": _held,
    "call.ended": _ended,
    "script.line": _line,
    "script.failed": _failed,
}


def _address(text: str) -> str:
    """Return an address as people write it."""
    text = text.partition(";")[0]
    return text[4:] if text[:4] == "sip:" else text.removeprefix("sips:")
