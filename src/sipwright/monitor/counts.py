"""What a node counts: the names that roll-ups, `/metrics` and the pages share, and what each of them says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COUNTS", "Count"]


@dataclass(frozen=True, slots=True)
class Count:
    """One number: a level as it is now, or, if it `rises`, how often something has happened since the start.

    `label` is the value of the label by which Prometheus tells those apart that are called the same.
    """

    name: str
    said: str
    rises: bool = False
    metric: str = ""
    label: tuple[str, str] | None = None


def _failed(number: int) -> Count:
    return Count(
        f"calls_failed_{number}xx", "Calls that nobody answered, by the class of the response.", True,
        "calls_failed", ("class", f"{number}xx"),
    )  # fmt: skip


def _queue(name: str, said: str) -> Count:
    return Count(f"queue_{name}", said, False, "queue", ("queue", name))


COUNTS = {
    count.name: count
    for count in (
        Count("calls", "Calls in progress."),
        Count("legs", "Legs of calls in progress."),
        Count("calls_started", "Calls that have begun.", True),
        Count("calls_answered", "Calls that were answered.", True),
        *map(_failed, range(3, 7)),
        Count("calls_busy", "Of these, calls that were busy, declined, or given up by their callers.", True),
        Count("refused", "Requests that were refused.", True),
        Count("refused_without_cdr", "Of these, INVITEs without a CDR: too many, or that of another call tells.", True),
        Count("phones", "Accounts with registered phones."),
        Count("bindings", "Registered phones: bindings of all accounts."),
        Count("registrations_accepted", "Registrations of phones that were accepted, refreshed ones too.", True),
        Count("bindings_added", "Phones that have registered anew.", True),
        Count("bindings_expired", "Phones whose registration has run out.", True),
        Count("scripts", "Runs of dialplans in progress."),
        Count("scripts_waiting", "Runs of dialplans that wait for something."),
        Count("scripts_started", "Runs of dialplans that have begun.", True),
        Count("scripts_failed", "Runs of dialplans that have failed.", True),
        Count("requests", "SIP requests that have come in.", True),
        Count("responses", "SIP responses that have come in.", True),
        Count("malformed", "SIP messages that could not be read.", True),
        Count("retransmissions_sent", "SIP messages that were sent again, as nobody had answered.", True,
              "retransmissions", ("direction", "out")),
        Count("retransmissions_received", "SIP requests that came again.", True,
              "retransmissions", ("direction", "in")),
        Count("provider_requests", "Registrations at providers that have succeeded.", True,
              "provider_registrations_done", ("outcome", "registered")),
        Count("provider_failures", "Registrations at providers that have failed.", True,
              "provider_registrations_done", ("outcome", "failed")),
        Count("dropped_over_budget", "SIP messages that were dropped unread.", True, "dropped", ("why", "over budget")),
        Count("dropped_banned", "SIP messages that were dropped unread.", True, "dropped", ("why", "banned")),
        Count("scanners_silenced", "Requests of scanners that got no answer.", True),
        Count("bans", "Addresses and networks that are banned."),
        Count("calls_not_let_out", "Legs that were not let out, by the guard.", True, label=("why", "limits")),
        Count("calls_held_back", "Legs that were not let out, by the guard.", True, "calls_not_let_out",
              ("why", "unusual")),
        Count("lag_seconds", "How late what has come is read, from the kernel to its handler."),
        _queue("datagrams", "What waits, by the queue."),
        _queue("requests", "What waits, by the queue."),
        _queue("scripts", "What waits, by the queue."),
        _queue("rows", "What waits, by the queue."),
        Count("cpu_seconds", "CPU time of the switch, in seconds.", True),
        Count("memory_bytes", "Memory of the switch."),
        Count("open_files", "Files that the switch has open."),
        Count("free_bytes", "Room left on the disk of the data folder.", metric="disk_free_bytes"),
        Count("readers", "Readers of events."),
    )
}  # fmt: skip
"""All counts by name."""
