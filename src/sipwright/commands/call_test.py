"""``sipwright call-test``: a real call through the running switch, with two phones that it brings itself."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import CommandError, Data, data_dir, print_json, say, settings_of, with_store

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sipwright.commands.testcall import Place, Report
    from sipwright.store import Administration

__all__ = ["call_test"]


def call_test(
    udp: Annotated[
        bool, typer.Option("--udp", help="Call over UDP. [default: if the switch listens]")
    ] = False,
    tcp: Annotated[
        bool, typer.Option("--tcp", help="Call over TCP. With --udp too: from a UDP phone to a TCP phone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every message in full.")] = False,
    talk: Annotated[
        float,
        typer.Option(
            "--talk",
            metavar="SECONDS",
            min=0.0,
            max=30.0,
            show_default=False,
            help="Talk for so long, and ring for half of it (2 s at most), to be watched. [default: 0]",
        ),
    ] = 0.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the records of the call, and its dialplan call-test.")
    ] = False,
    data: Data = None,
) -> None:
    """Place and check a real test call.

    Two simulated phones register with the running switch, and one calls the other through a dialplan. They pretend to
    be behind NATs of their own, with private addresses in their SDP. The call is answered, put on hold, taken back,
    turned to video by the phone that was called, and hung up by it.

    Printed are the SIP ladder of both legs on one time axis (with the media addresses of each SDP in brackets),
    the lines that the dialplan logged, and the checks: audio addresses as each end has to see them, bridging,
    hang-up, and what the database knows of the call.

    It runs beside real calls and takes about three seconds. The two accounts, their dialplan (all named
    call-test-XXXX) and the records of the call are removed again, whatever happens. With --keep the records stay for
    'sipwright trace' and the pages, and the dialplan is call-test, which stays as well: change it, and the next
    test call with --keep runs it as it is then. So does the one of the switchboard.

    Exit status: 0 if every check is ok, 1 if one failed or no switch answers.

    \b
    Examples:
      sipwright call-test
      sipwright call-test --udp --tcp
      sipwright call-test --keep && sipwright trace last
      sipwright call-test --json | jq '.checks[] | select(.ok | not)'
    """
    from sipwright.commands.testcall import find_place, rehearse
    from sipwright.config import LogSettings
    from sipwright.log_output import configure_log

    settings = settings_of(data)
    configure_log(LogSettings(level="error"))
    first, second = ("tcp" if tcp and not udp else "udp" if udp else None), "tcp" if tcp else None
    place = find_place(settings, first, second or first)
    shown = "" if data is None else f" --data {data_dir(data)}"
    hint = (
        f"is it running? start it with 'sipwright run{shown}' "
        "(settings in the environment must be the same for both)"
    )

    if sys.stderr.isatty():
        say("calling; this takes about three seconds", is_error=True)

    async def work(store: Administration) -> Report:
        return await _unless_stopped(rehearse(store, place, hint, talk, is_kept=keep))

    report = with_store(data, work)
    if as_json:
        print_json(report.to_json(), {"detail", "text", "wire"})
    else:
        _print(report, place)
    if not report.is_right:
        names = ", ".join(check.name for check in report.failed)
        raise CommandError(f"{len(report.failed)} of {len(report.checks)} checks FAILED: {names}")


async def _unless_stopped(work: Coroutine[None, None, Report]) -> Report:
    """Run the test; SIGTERM and Ctrl-C end it early, and it still cleans up."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise CommandError("stopped; what had been made for the test is removed again") from None


def _print(report: Report, place: Place) -> None:
    hosts = {"A": place.host_a, "B": place.host_b}
    say(f"switch   {report.switch}")
    for side, aor in report.phones.items():
        say(f"phone {side}  {aor} at {hosts[side]}")
    say("")
    say(*report.ladder.lines())
    say("", "dialplan log")
    for number, text in report.log:
        say(f"  {text}" if number is None else f"  line {number}: {text}")
    if not report.log:
        say("  nothing")
    say("", "checks")
    width = max((len(check.name) for check in report.checks), default=0)
    for check in report.checks:
        say(f"  {'ok' if check.is_right else 'FAILED':<6}  {check.name:<{width}}  {check.detail}")
    if report.is_right:
        say("", f"all {len(report.checks)} checks ok, in {report.seconds:.1f} s")
