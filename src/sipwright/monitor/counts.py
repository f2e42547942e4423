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


def _closed(why: str) -> Count:
    return Count(
        f"connections_{why}", "SIP connections that we have closed, by why.", True, "connections_closed", ("why", why)
    )  # fmt: skip


def _stun(outcome: str) -> Count:
    return Count(
        f"stun_{outcome}", "STUN requests, by what became of them.", True, "stun", ("outcome", outcome)
    )


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
        Count("activations", "Activations of scripts: from a start or an answer to the next wait.", True),
        Count("activations_in_place", "Of these, those that needed no worker.", True),
        Count("activations_left", "Of these, those that have left the fast path.", True),
        Count("fast_path_faults", "Faults of our own in the fast path.", True),
        Count("workers", "Workers of the sandbox."),
        Count("workers_busy", "Workers of the sandbox that compute."),
        Count("worker_crashes", "Workers of the sandbox that have died under a script.", True),
        Count("requests", "SIP requests that have come in.", True),
        Count("responses", "SIP responses that have come in.", True),
        Count("malformed", "SIP messages that could not be read.", True),
        Count("stray_responses", "SIP responses to nothing that was asked.", True),
        Count("faults", "Messages and timers that a fault of our own has ended.", True),
        Count("send_errors", "SIP messages that could not be sent.", True),
        Count("socket_messages_in", "SIP messages that the sockets have read, and sent.", True,
              "socket_messages", ("direction", "in")),
        Count("socket_messages_out", "SIP messages that the sockets have read, and sent.", True,
              "socket_messages", ("direction", "out")),
        Count("socket_errors", "What the network has said against what was sent over UDP.", True),
        Count("unsent", "SIP messages over UDP that were dropped, as their socket had no room for long.", True),
        Count("keep_alives", "Keep-alives that have come in.", True),
        Count("flows", "Peers that are known over UDP."),
        Count("connections", "SIP connections over TCP, TLS and WebSockets."),
        Count("connections_accepted", "SIP connections that others have opened.", True),
        *map(_closed, ("refused", "slow", "idle", "unreadable")),
        Count("unfinished_bytes", "Bytes of messages over connections that have yet to come in as a whole."),
        *map(_stun, ("answered", "refused", "unusable")),
        Count("retransmissions_sent", "SIP messages that were sent again, as nobody had answered.", True,
              "retransmissions", ("direction", "out")),
        Count("retransmissions_received", "SIP requests that came again.", True,
              "retransmissions", ("direction", "in")),
        Count("subscriptions", "Subscriptions of phones."),
        Count("notifications", "Notifications of phones that were sent.", True),
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
        _queue("unsent", "What waits, by the queue."),
        Count("rows_stored", "Rows that were stored.", True),
        Count("commits", "Batches of rows that were committed.", True),
        Count("rows_refused", "Rows that the database does not take.", True),
        Count("cpu_seconds", "CPU time of the switch, in seconds.", True),
        Count("memory_bytes", "Memory of the switch."),
        Count("open_files", "Files that the switch has open."),
        Count("free_bytes", "Room left on the disk of the data folder.", metric="disk_free_bytes"),
        Count("readers", "Readers of events."),
    )
}  # fmt: skip
"""All counts by name."""
