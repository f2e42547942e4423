"""``sipwright bindings``: where phones can be reached now."""

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

__all__ = ["bindings"]


def bindings(
    user: OwnerFilter = None,
    account: AccountFilter = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List registered phones.

    Shown are the contact of each, the socket that it registered from, and the seconds left.

    \b
    Examples:
      sipwright bindings --account alice
      sipwright bindings --json | jq length
    """

    async def work(store: Administration) -> list[dict[str, Any]]:
        return await store.list_bindings(user, account)

    rows = with_store(data, work)
    if as_json:
        print_json(rows)
        return
    now = time.time()
    cells = (
        (
            row["account"],
            row["contact"],
            row["source"],
            max(0, round(row["expires_at"] - now)),
            row["user_agent"],
        )
        for row in rows
    )
    print_table(
        ("account", "contact", "source", "seconds", "user agent"), cells, "no phone is registered now"
    )
