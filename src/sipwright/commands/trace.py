"""``sipwright trace``: what one call did, from its script to its messages, and why it ended as it did."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import CommandError, Data, Json, print_json, say, with_store

if TYPE_CHECKING:
    from sipwright.monitor.trace.ladder import Rung
    from sipwright.store import Administration
    from sipwright.store.history.calltraces import CallTrace

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
    pcap: Annotated[
        Path | None,
        typer.Option(
            "--pcap",
            metavar="FILE",
            help="Write the messages into a file that Wireshark and sngrep open.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show what a call did, and why it ended so.

    It is the whole of it, beginning with the script of whoever called: the script line by line with times and
    results, its legs, and the SIP messages of all sides on one axis of time.

    Messages are kept for calls that run a dialplan; '[trace] calls = "all"' in the settings keeps those of
    every call. They are about a second behind while a call goes on. 'sipwright calls' and 'sipwright cdrs' have the
    ids of calls.

    \b
    Examples:
      sipwright trace last
      sipwright trace 5f0c1d7e --messages
      sipwright trace last --pcap call.pcap
    """
    from sipwright.monitor.trace.ladder import rungs
    from sipwright.monitor.trace.pcap import capture
    from sipwright.monitor.trace.report import WHOSE, report
    from sipwright.store.history.calltraces import read_call

    async def work(store: Administration) -> CallTrace:
        return await read_call(store.database, call)

    found = with_store(data, work)
    ladder = rungs(found)
    if pcap is not None:
        if not ladder:
            raise CommandError(f"no messages were kept of this call: {WHOSE}")
        pcap.write_bytes(capture(ladder, found.started_at))
        say(f"the messages of the call are in {pcap}")
        return
    if as_json:
        print_json(_json(found, ladder), _WHOLE)
        return
    say(*report(found, ladder, max(80, get_terminal_size((120, 24)).columns)))
    if messages:
        for rung in ladder:
            way = "to" if rung.is_to_switch else "from"
            say("", f"-- {rung.at:.3f} s, leg {rung.leg}, {way} the switch, {rung.flow}")
            say(*rung.data.decode("utf-8", "replace").rstrip("\r\n").replace("\r\n", "\n").split("\n"))


def _json(found: CallTrace, ladder: list[Rung]) -> dict[str, Any]:
    from sipwright.monitor.trace.audio import audio_of
    from sipwright.monitor.trace.ladder import numbered_legs, to_json
    from sipwright.monitor.trace.why import why

    return {
        "call": found.common_id or found.id,
        "parts": [part.id for part in found.whole],
        "started_at": found.started_at,
        "why": why(found),
        "in_progress": found.row,
        "legs": numbered_legs(found),
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
            for run in found.all_runs
        ],
        "messages": to_json(ladder),
        "audio": [leg.to_json() for leg in audio_of(ladder)],
        "others": found.others,
        "callbacks": found.callbacks,
        "restarts": [message.at for message in found.messages if message.is_restart],
    }
