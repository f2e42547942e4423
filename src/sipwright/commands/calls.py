"""``sipwright calls``: the calls in progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sipwright.commands.common import (
    AccountFilter,
    Data,
    Json,
    OwnerFilter,
    print_json,
    print_table,
    with_store,
)

if TYPE_CHECKING:
    from sipwright.store import Administration

__all__ = ["calls"]


def calls(
    user: OwnerFilter = None, account: AccountFilter = None, as_json: Json = False, data: Data = None
) -> None:
    """List the calls in progress, the oldest first.

    'sipwright trace CALL' shows what one of them does.

    \b
    Example:
      sipwright calls --user carol
    """

    async def work(store: Administration) -> list[dict[str, Any]]:
        return await store.list_calls(user, account)

    rows = with_store(data, work)
    if as_json:
        print_json(rows)
        return
    now = time.time()
    cells = (
        (
            row["from"],
            row["to"],
            row["direction"],
            row["state"],
            round(now - (row["answered_at"] or row["started_at"])),
            row["id"],
        )
        for row in rows
    )
    print_table(("from", "to", "direction", "state", "seconds", "call"), cells, "no calls now")
