"""What must be true in the end, whatever has happened."""

from __future__ import annotations

from sipwright.services.rows import CdrRow

from .office import Office
from .talk import LOST, OVER, RINGING, TALKING, Talk

__all__ = ["settle"]

RINGS = 200.0
"""Seconds after which nobody rings any more for a caller who has gone."""
ENDS = 80.0
FOUND_OUT = 2_000.0
"""Seconds after which an end is found out that has lost its power (`[sip] probe`)."""


def settle(office: Office) -> list[str]:
    """Let all come to rest, and return what is wrong: calls end one by one, and each other end must hear of it."""
    network, bench = office.network, office.bench
    network.drop = network.duplicate = network.reorder = 0.0
    office.returning += [phone for phone in office.phones if phone.flow.is_closed]
    office.all_back()
    bench.run(RINGS)
    while ringing := _all(office, RINGING):
        ringing[0].phone.refuse(ringing[0], 480)
        bench.run(ENDS)
    faults = _hears_somebody_else(office)
    while talking := _all(office, TALKING):
        faults += _hang_up(office, office.chance.choice(talking))
    bench.run(ENDS)
    faults += [f"{talk} got no final response" for talk in office.calls if talk.state != OVER]
    for phone in office.phones:
        faults += phone.faults + phone.unanswered
    return faults + _left_over(office) + _records(office)


def _all(office: Office, state: str) -> list[Talk]:
    return [talk for phone in office.phones for talk in phone.talks if talk.state == state]


def _hears_somebody_else(office: Office) -> list[str]:
    """Who talks hears whoever hears him, but for those whose other end has lost its power."""
    lost = {talk.media for talk in _all(office, OVER) if talk.outcome == LOST}
    talking = {talk.media: talk for talk in _all(office, TALKING)}
    faults = []
    for talk in talking.values():
        other = talking.get(talk.other)
        if other is None and talk.other not in lost:
            faults.append(f"{talk} hears somebody who is not there")
        elif other is not None and other.other != talk.media:
            faults.append(f"{talk} hears {other}")
    return faults


def _hang_up(office: Office, talk: Talk) -> list[str]:
    heard_by = [one for one in _all(office, TALKING) if one.media == talk.other]
    talk.phone.hang_up(talk)
    faults = [f"{talk} never got an ACK"] if talk.is_open else []
    talk.end("no ACK")
    office.bench.run(ENDS)
    return faults + [f"{one} is open, though {talk}" for one in heard_by if one.is_open]


def _left_over(office: Office) -> list[str]:
    bench = office.bench
    bench.switch.servers.clear()
    bench.run(FOUND_OUT)
    left = {
        "calls": len(bench.switch.calls), "legs": len(bench.switch.ports.legs), "transactions": len(bench.stack.layer),
        "rows": len(bench.database.rows["call"]), "failures inside": bench.pipeline.failed,
    }  # fmt: skip
    return [f"{count} {what} left" for what, count in left.items() if count]


def _records(office: Office) -> list[str]:
    """Return what the records say otherwise than the callers of calls, where those know how they have ended."""
    records: dict[str | None, list[CdrRow]] = {}
    for row in office.bench.database.rows["cdr"].values():
        record = CdrRow(*row)
        if record.leg == 0:
            records.setdefault(record.sip_call_id, []).append(record)
    known = [talk for talk in office.calls if talk.outcome not in (LOST, "408") and not talk.has_replaces]
    return [fault for talk in known for fault in _compared(talk, records.get(talk.call_id, []))]


def _compared(talk: Talk, records: list[CdrRow]) -> list[str]:
    if not records:
        return [f"there is no record of {talk}"] if talk.is_answered else []
    faults = [f"the record of {talk} has no end" for record in records if record.ended_at is None]
    was_answered = (
        talk.is_answered or talk.outcome == "was hung up on"
    )  # perhaps by a BYE before a 200 that was lost
    if was_answered is not any(record.answered_at is not None for record in records):
        faults.append(f"the record of {talk} says {[record.status for record in records]}")
    elif not was_answered and str(records[-1].status) != talk.outcome:
        # The last one: a process that is killed may have stored a refusal that nobody heard, and its caller asks again.
        faults.append(f"the record of {talk} says {records[-1].status} {records[-1].reason}")
    return faults
