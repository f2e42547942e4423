"""Budgets of one run, and of all runs of one user; the settings fill them in."""

from dataclasses import dataclass

__all__ = ["BUDGETS", "Limits", "UserLimits"]

BUDGETS = {
    "http_requests": "HTTP requests",
    "lookups": "lookups",
    "store_calls": "calls of the store",
    "sleeps": "sleeps",
    "emails": "emails",
    "messages": "messages",
    "callbacks": "callbacks",
}
"""What a run may do so many times, by its field of `Limits`, as a script is told."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a dialplan may use.

    Attributes:
        seconds: Computing time of the whole run; waiting costs nothing.
        memory: Bytes that the script's data may take.
        dials: Legs that the run may dial, over all its dial strings.
        total_seconds: Time from start to end, without the time of an answered call.
        recursion: Depth of function calls.
        suspensions: Calls of our functions between two waits.
        log_lines: Lines that are kept; later ones are dropped.
        log_size: Characters that are kept.
        snapshot: Bytes that a waiting script may take.
        source: Characters of a script.
        http_requests: Calls of `http_get` and `http_post`.
        lookups: Calls of functions that look something up; the catalogue says which use this up, or another budget.
        store_calls: Calls of the `store` functions.
        sleeps: Calls of `sleep` that wait, each of which is stored.
        emails: Calls of `email`.
        messages: Calls of `send_message` and `message_waiting`.
        callbacks: Calls of `callback`.
    """

    seconds: float = 2.0
    memory: int = 64 * 1024 * 1024
    dials: int = 20
    total_seconds: float = 300.0
    recursion: int = 500
    suspensions: int = 1000
    log_lines: int = 200
    log_size: int = 32_768
    snapshot: int = 1024 * 1024
    source: int = 65_536
    http_requests: int = 10
    lookups: int = 50
    store_calls: int = 100
    sleeps: int = 300
    emails: int = 3
    messages: int = 5
    callbacks: int = 3


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What all runs of one user may use together.

    Attributes:
        runs: Runs that are under way at once, waiting ones included.
        runs_per_minute: Runs that begin within a minute.
        seconds_per_minute: Computing time within a minute, on all workers.
    """

    runs: int = 200
    runs_per_minute: int = 600
    seconds_per_minute: float = 60.0
