"""What is right and what is not: the media addresses, what the script did, and the records of the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sipwright.sdp import connection_addresses
from sipwright.sip import Request, parse

from .audio import without_addresses
from .ladder import Hop, Ladder
from .report import Report

if TYPE_CHECKING:
    from sipwright.store.history.traces import Trace

    from .scratch import Scratch

__all__ = ["check_media", "check_records", "check_script", "note_script", "talk_bounds"]

TOLERANCE = 0.02
"""Seconds that a wall clock which is being corrected may be off within one call."""


def check_media(report: Report, name: str, sent: bytes, got: bytes, expected: Callable[[str], str]) -> None:
    """Check that each media address arrived as it should, and every other byte as it was sent.

    Args:
        report: Where the check is noted.
        name: What the check is called.
        sent: The session description as one phone sent it.
        got: As the other one got it.
        expected: Gives what is to become of an address.
    """
    before, after = connection_addresses(sent), connection_addresses(got)
    wanted = [expected(address) for address in before]
    if after != wanted:
        report.check(name, False, f"arrived as {_list(after)}, but expected {_list(wanted)}")
    elif without_addresses(sent) != without_addresses(got):
        report.check(name, False, "more than the address in c= lines was changed")
    elif before == after:
        report.check(name, True, f"{_list(before)} stays as it is")
    else:
        report.check(name, True, f"{_list(before)} became {_list(after)}")


def note_script(report: Report, trace: Trace) -> None:
    """Put the lines that the script logged into the report, and the sentence that it failed with."""
    for effect in trace.journal:
        if effect.function == "log":
            report.log += [(line, text) for line, text in effect.arguments]
        elif effect.function == "failed":
            report.log.append((effect.arguments["line"], f"failed: {effect.result['message']}"))


def check_script(report: Report, scratch: Scratch, trace: Trace) -> None:
    """Check what the dialplan logged and how it ended."""
    lines = [text for _, text in report.log]
    if scratch.is_as_made:
        report.compare(
            "the dialplan logs its lines", lines, scratch.log, f"{len(lines)} lines in the journal"
        )
    runs = [(run["state"], run["outcome"]) for run in trace.runs]
    expected = [("done", f"answered by {scratch.callee_name}@local")]
    report.compare("the dialplan ends with the answer", runs, expected, expected[0][1])


def check_records(report: Report, scratch: Scratch, trace: Trace) -> None:
    """Check the CDR of each leg, and that the call itself is forgotten."""
    cdrs = trace.cdrs
    report.compare("a CDR for each leg", [cdr["leg"] for cdr in cdrs], [0, 1], "legs 0 and 1")
    results = [(cdr["status"], cdr["hung_up_by"]) for cdr in cdrs]
    report.compare("the CDRs' status", results, [(200, "callee")] * 2, "200, hung up by the callee")
    plans = [(cdr["dialplan"], cdr["dialplan_version"]) for cdr in cdrs]
    ran = (scratch.plan, scratch.version)
    report.compare("the CDRs' dialplan", plans, [ran] * 2, f"{scratch.plan}, version {scratch.version}")
    _check_times(report, cdrs)
    report.compare("the call is forgotten", trace.calls, 0, "no call is left")


def _check_times(report: Report, cdrs: list[dict[str, Any]]) -> None:
    bounds = talk_bounds(report.ladder)
    if bounds is None:
        report.check("the CDRs' duration", False, "the call was not answered and hung up")
        return
    shortest, longest = bounds
    talked = [_talked(cdr) for cdr in cdrs]
    is_right = bool(talked) and all(
        talk is not None and shortest - TOLERANCE <= talk <= longest + TOLERANCE for talk in talked
    )
    found = ", ".join("no answer" if talk is None else f"{talk:.3f} s" for talk in talked) or "nothing"
    report.check("the CDRs' duration", is_right, f"{found}; the phones saw {shortest:.3f} to {longest:.3f} s")


def _talked(cdr: dict[str, Any]) -> float | None:
    """Return how long a leg talked; None when its times are missing or in disorder."""
    times = [cdr["started_at"], cdr["rang_at"], cdr["answered_at"], cdr["ended_at"]]
    if None in times or times != sorted(times):
        return None
    return float(cdr["ended_at"] - cdr["answered_at"])


def talk_bounds(ladder: Ladder) -> tuple[float, float] | None:
    """Return the least and the most that the two ends can have talked, seen from the switch between them.

    It took B's answer after B sent it and before A got it, and B's BYE likewise.
    """
    answered = _first(ladder, "B", "200 INVITE", is_to_switch=True)
    heard = _first(ladder, "A", "200 INVITE", is_to_switch=False)
    bye = _first(ladder, "B", "BYE", is_to_switch=True)
    bye_heard = _first(ladder, "A", "BYE", is_to_switch=False)
    if answered is None or heard is None or bye is None or bye_heard is None:
        return None
    return bye.at - heard.at, bye_heard.at - answered.at


def _first(ladder: Ladder, phone: str, what: str, *, is_to_switch: bool) -> Hop | None:
    for hop in ladder.hops:
        if hop.phone == phone and hop.is_to_switch is is_to_switch and _kind(hop) == what:
            return hop
    return None


def _kind(hop: Hop) -> str:
    message = parse(hop.data)
    return message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"


def _list(addresses: list[str]) -> str:
    return ", ".join(dict.fromkeys(addresses)) or "no address"
