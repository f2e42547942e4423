"""How many files this process may have open, and how many of them may be connections of phones.

Each connection is an open file, and so are the database, the pipes to the workers of scripts and what scripts fetch.
The usual limit is 1,024, which 1,100 idle connections use up.
"""

from __future__ import annotations

import resource

__all__ = ["connections_within", "raise_limit"]

ENOUGH = 65_536
RESERVE = 256
"""What everything else needs."""


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, as far as there is use for it, and return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


def connections_within(limit: int, listeners: int) -> int:
    """Return how many connections each of several listeners may have where so many files may be open."""
    return max(1, (limit - min(RESERVE, limit // 2)) // max(1, listeners))
