"""A call as text: why it ended so, its scripts line by line, its legs, and the ladder."""

from __future__ import annotations

import time
from typing import Any

from sipwright.printable import printable
from sipwright.store.history.calltraces import CallTrace, RunTrace
from sipwright.store.history.one_call import is_made_here

from .audio import audio_of
from .ladder import Rung, numbered_legs, to_lines
from .listing import listing, remarks
from .why import why

__all__ = ["WHOSE", "names_of", "report"]

WHOSE = "[trace] in the settings says whose are; they are written once a second"
"""What is told where no messages were kept."""


def report(found: CallTrace, ladder: list[Rung], columns: int = 120) -> list[str]:
    """Return what is told of a call, in lines of so many columns."""
    start = found.started_at
    first: dict[str, Any] = found.legs[0] if found.legs else found.row or {}
    from_, to = first.get("from_uri") or first.get("from_text"), first.get("to_uri") or first.get("to_text")
    from_, to = printable(str(from_)), printable(str(to))
    lines = [
        f"call {found.common_id or found.id}: {from_} -> {to}, {first.get('direction')}, {_clock(start)}",
        "",
        why(found),
    ]
    lines += [
        f"The switch was started again {message.at - start:.1f} s after the call began, and went on with it."
        for message in found.messages
        if message.is_restart
    ]
    if found.row is not None and found.legs:
        lines.append("It is over, but an end has not acknowledged that yet.")
    for run in found.all_runs:
        lines += ["", _title(run), "", *listing(run, start)]
    if legs := numbered_legs(found):
        nobody = "(the switch)" if _is_made_here(found) else "(the caller)"
        lines += ["", "legs", "", *_table(legs, start, nobody)]
    lines.append("")
    if ladder:
        said = [remark for run in found.all_runs for remark in remarks(run, start)]
        said += [
            (message.at - start, "the switch was started again and went on with the call")
            for message in found.messages
            if message.is_restart
        ]
        lines += to_lines(ladder, said, names_of(found, ladder), columns)
        if heard := audio_of(ladder):
            lines += ["", "audio, as far as can be told from where both ends are", ""]
            lines += [line for leg in heard for line in leg.lines()]
    else:
        lines.append(f"no messages were kept: {WHOSE}")
    lines += [f"the other half of this call: sipwright trace {other}" for other in found.others]
    lines += [f"it called back: sipwright trace {other}" for other in found.callbacks]
    return lines


def names_of(found: CallTrace, ladder: list[Rung]) -> dict[int, str]:
    """Return who is at the other end of each leg; while a call lasts its INVITEs say so."""
    names = {rung.leg: rung.peer for rung in reversed(ladder) if rung.peer}
    if found.row is not None:
        names[0] = found.row["from_text"]
    names |= {leg["leg"]: leg["target"] or leg["from_uri"] for leg in numbered_legs(found)}
    return {leg: printable((name or "").removeprefix("sip:")) for leg, name in names.items()}


def _title(run: RunTrace) -> str:
    version = "" if run.version is None else f", version {run.version}"
    return f"dialplan {run.dialplan or '(removed)'}{version}: {run.state}, {run.outcome or 'no outcome yet'}"


def _is_made_here(found: CallTrace) -> bool:
    if not found.legs:
        return False
    first = found.legs[0]
    return first["direction"] == "callback" or is_made_here(
        first["direction"], found.id, first["sip_call_id"]
    )


def _table(legs: list[dict[str, Any]], start: float, nobody: str) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "to", "began", "rang", "answered", "ended", "status", "hung up by")]
    for leg in legs:
        rows.append(
            (
                str(leg["leg"]),
                leg["target"] or nobody,
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


def _clock(instant: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
