"""``sipwright trace``: what one call did, from its script to its messages, and why it ended as it did."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import Data, Json, clock, print_json, say, with_store
from sipwright.printable import printable

if TYPE_CHECKING:
    from sipwright.monitor.trace.ladder import Rung
    from sipwright.store import Administration
    from sipwright.store.history.calltraces import CallTrace, RunTrace

__all__ = ["trace"]

_WHOLE = frozenset({"arguments", "outcome", "result", "source", "why", "wire"})
"""What is not cut in JSON: messages, scripts, what those said and were told, and our own sentences."""


def trace(
    call: Annotated[
        str,
        typer.Argument(
            metavar="CALL",
            help="The id of a call, its beginning or its end, or the SIP Call-ID of a leg; 'last' is the newest call.",
        ),
    ],
    messages: Annotated[
        bool, typer.Option("--messages", help="Print every message in full, below the ladder.")
    ] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show what a call did, and why it ended so.

    Its script line by line with times and results, its legs, and the SIP messages of all sides on one axis of time.

    Messages are kept for calls that run a dialplan; '[trace] calls = "all"' in the settings keeps those of
    every call. They are about a second behind while a call goes on. 'sipwright calls' and 'sipwright cdrs' have the
    ids of calls.

    \b
    Examples:
      sipwright trace last
      sipwright trace 5f0c1d7e --messages
    """
    from sipwright.monitor.trace.ladder import rungs
    from sipwright.store.history.calltraces import read_call

    async def work(store: Administration) -> CallTrace:
        return await read_call(store.database, call)

    found = with_store(data, work)
    ladder = rungs(found)
    if as_json:
        print_json(_json(found, ladder), _WHOLE)
        return
    say(*_lines(found, ladder))
    if messages:
        for rung in ladder:
            way = "to" if rung.is_to_switch else "from"
            say("", f"-- {rung.at:.3f} s, leg {rung.leg}, {way} the switch, {rung.flow}")
            say(*rung.data.decode("utf-8", "replace").rstrip("\r\n").replace("\r\n", "\n").split("\n"))


def _lines(found: CallTrace, ladder: list[Rung]) -> list[str]:
    from sipwright.monitor.trace.ladder import to_lines
    from sipwright.monitor.trace.listing import listing, remarks
    from sipwright.monitor.trace.why import why

    start = found.started_at
    first: dict[str, Any] = found.legs[0] if found.legs else found.row or {}
    from_, to = first.get("from_uri") or first.get("from_text"), first.get("to_uri") or first.get("to_text")
    from_, to = printable(str(from_)), printable(str(to))
    lines = [f"call {found.id}: {from_} -> {to}, {first.get('direction')}, {clock(start)}", "", why(found)]
    lines += [
        f"The switch was started again {message.at - start:.1f} s after the call began, and went on with it."
        for message in found.messages
        if message.is_restart
    ]
    if found.row is not None and found.legs:
        lines.append("It is over, but an end has not acknowledged that yet.")
    for run in found.runs:
        lines += ["", _title(run), "", *listing(run, start)]
    if found.legs:
        lines += ["", "legs", "", *_table(found, start)]
    lines.append("")
    if ladder:
        said = [remark for run in found.runs for remark in remarks(run, start)]
        said += [
            (message.at - start, "the switch was started again and went on with the call")
            for message in found.messages
            if message.is_restart
        ]
        lines += to_lines(ladder, said, _names(found, ladder), max(80, get_terminal_size((120, 24)).columns))
    else:
        lines.append(
            "no messages were kept: [trace] in the settings says whose are; they are written once a second"
        )
    lines += [f"the other half of this call: sipwright trace {other}" for other in found.others]
    lines += [f"it called back: sipwright trace {other}" for other in found.callbacks]
    return lines


def _names(found: CallTrace, ladder: list[Rung]) -> dict[int, str]:
    """Return who is at the other end of each leg; while a call lasts its INVITEs say so."""
    names = {rung.leg: rung.peer for rung in reversed(ladder) if rung.peer}
    if found.row is not None:
        names[0] = found.row["from_text"]
    names |= {leg["leg"]: leg["target"] or leg["from_uri"] for leg in found.legs}
    return {leg: printable((name or "").removeprefix("sip:")) for leg, name in names.items()}


def _title(run: RunTrace) -> str:
    version = "" if run.version is None else f", version {run.version}"
    return f"dialplan {run.dialplan or '(removed)'}{version}: {run.state}, {run.outcome or 'no outcome yet'}"


def _table(found: CallTrace, start: float) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "to", "began", "rang", "answered", "ended", "status", "hung up by")]
    for leg in found.legs:
        rows.append(
            (
                str(leg["leg"]),
                leg["target"] or ("(the switch)" if leg["direction"] == "callback" else "(the caller)"),
                *(_after(leg[key], start) for key in ("started_at", "rang_at", "answered_at", "ended_at")),
                f"{leg['status']} {leg['reason'] or ''}".rstrip(),
                leg["hung_up_by"] or "",
            )
        )
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _after(instant: float | None, start: float) -> str:
    return "" if instant is None else f"{instant - start:.3f}"


def _json(found: CallTrace, ladder: list[Rung]) -> dict[str, Any]:
    from sipwright.monitor.trace.ladder import to_json
    from sipwright.monitor.trace.why import why

    return {
        "call": found.id,
        "started_at": found.started_at,
        "why": why(found),
        "in_progress": found.row,
        "legs": found.legs,
        "runs": [
            {
                "execution": run.id,
                "dialplan": run.dialplan,
                "version": run.version,
                "state": run.state,
                "outcome": run.outcome,
                "source": run.source,
                "journal": [
                    {
                        "at": entry.at,
                        "function": entry.function,
                        "arguments": entry.arguments,
                        "result": entry.result,
                    }
                    for entry in run.journal
                ],
            }
            for run in found.runs
        ],
        "messages": to_json(ladder),
        "others": found.others,
        "callbacks": found.callbacks,
        "restarts": [message.at for message in found.messages if message.is_restart],
    }
