"""Whatever goes wrong is caught in few places: in the pipeline, and at the roots of tasks, timers and threads.

Anywhere else an exception is caught by its name, or cleaned up after and raised again.
"""

import ast
from functools import cache

from house.source import scopes

ROOTS = {
    "AccountFetcher._fetch": "the root of a task: what waited for accounts is lost",
    "Agent._look_at_others": "the root of a task",
    "Exchange._run": "the root of a task",
    "InPlace.compute": "a script that is computed in place: a worker computes it again",
    "LimitShares.ready": "a request whose limits cannot be looked up goes on without",
    "LimitShares.run": "the root of a task",
    "Execution.took": "what a worker computed arrives here; one run is lost",
    "Executions._perform": "the root of a task",
    "Membership.run": "the root of a task: a node that cannot say that it lives tries again",
    "Pipeline.__call__": "the pipeline: one request is lost",
    "Pipeline._fail": "the pipeline: not even the 500 could be sent",
    "Pipeline._run": "the root of a task: one request is lost",
    "Monitoring.watch": "the root of a task",
    "NoFaults.__call__": "the root of a request of a browser",
    "Pipeline._run_alone": "the root of a task",
    "ServerCommitter._commit_for_sure": "a batch that the database refuses is not tried for ever",
    "Sandbox._run": "the root of a thread's work: one run is lost",
    "SqliteCommitter._follow": "the root of a thread",
    "Ticker._tick": "the root of a timer",
    "Prompt._run_line": "one command of a person must not cost the rest of the session",
    "ServerCommitter._follow": "the root of a task: what no database takes is kept beside the log",
    "Session._run": "the root of a task: one session of the console ends",
    "RecordedLegs._look": "the root of a task: one answer to a forgotten call is left",
    "Rounds.turn": "the root of a timer: one look must not cost the others",
    "Receiver.receive": "the root of everything that a socket starts: one message is lost",
    "Store.follow_changes": "the root of a task",
    "Switch.resume": "a start: one call must not cost the others",
    "Unsettled._settle_all": "the root of a task",
    "Worker._guard": "the root of what a worker of the fast path starts: the library computes it again",
    "Writer._on_done": "one callback must not cost the others",
    "_shown.page": "the root of a page of a browser: it says so in its place",
    "_finish": "the root of a task",
    "_ask": "the root of a probe: one must not cost the others",
    "_make_rows": "one row must not cost the others",
    "answer_to": "the root of a task: one request over the control socket, or of another node, fails",
    "run": "the command line: an error is one line",
}
"""Where everything is caught, and why."""

REPORTERS = {
    "Failed",
    "_fail",
    "_log_failure",
    "batch_refused",
    "database_failed",
    "error",
    "exception",
    "fail",
}
"""What is called with a fault that somebody has to see."""


def test_everything_is_caught_at_the_roots_alone():
    assert sorted(broad_handlers()) == sorted(ROOTS)


def test_a_root_says_what_went_wrong():
    quiet = {name for name, handlers in broad_handlers().items() if not all(map(is_told, handlers))}

    assert quiet == set()


@cache
def broad_handlers():
    """The handlers that catch whatever comes and do not raise it again, by the name of their function."""
    found = {}
    for _, name, node in scopes(having=r"\b(Base)?Exception\b|except:"):
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not raises_again(node):
            found.setdefault(name, []).append(node)
    return found


def is_broad(handler):
    if handler.type is None:
        return True
    return any(
        isinstance(node, ast.Name) and node.id in ("Exception", "BaseException")
        for node in ast.walk(handler.type)
    )


def raises_again(handler):
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_told(handler):
    calls = [node.func for node in ast.walk(handler) if isinstance(node, ast.Call)]
    return any((call.attr if isinstance(call, ast.Attribute) else call.id) in REPORTERS for call in calls)
