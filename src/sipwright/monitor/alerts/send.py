"""``python -m sipwright.monitor.alerts.send``: sends one message, read as JSON, and says who has not taken it."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["main", "send"]


def main() -> None:
    """Read a message from the standard input, and write the numbers of the addresses that have not taken it."""
    said = json.load(sys.stdin)
    print(json.dumps(send(said)))


def send(said: dict[str, Any]) -> list[int]:
    """Send a message; returns the numbers of the addresses that have not taken it."""
    import apprise

    kind = apprise.NotifyType.SUCCESS if said["is_over"] else apprise.NotifyType.FAILURE
    failed = []
    for number, address in enumerate(said["addresses"]):
        there = apprise.Apprise()
        is_sent = there.add(address) and there.notify(
            title=said["title"], body=said["body"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
        if not is_sent:
            failed.append(number)
    return failed


if __name__ == "__main__":
    main()
