"""Counts of tries while others touch the same rows; `tests/usecases/test_login.py` has what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.util import await_only

from sipwright.store import Store
from sipwright.store.admin import throttles
from sipwright.store.admin.throttle_rows import ThrottleRows

LIMIT = throttles.Limit("code/1", 5, 60)
KEY = "log-in/code/1/5/60/second"


@pytest.mark.peer("postgresql")
async def test_a_count_that_is_forgotten_while_one_more_is_counted_begins_anew(
    postgres_url: str, key_file: Path
) -> None:
    store = await Store.open(postgres_url, key_file)
    await store.database.write(lambda c: throttles.take(c, [LIMIT, LIMIT], 0.0))
    assert await store.database.read(lambda c: ThrottleRows(c, 1.0).get(KEY)) == 2
    forgotten: list[int] = []

    def forget(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE throttles") and not forgotten:
            forgotten.append(await_only(store.database.write(lambda c: throttles.forget(c, "code/1/"))))

    def count(connection: Connection) -> int:
        event.listen(connection, "before_cursor_execute", forget)
        return ThrottleRows(connection, 1.0).incr(KEY, 60)

    assert await store.database.write(count) == 1
    assert forgotten == [1]
    assert await store.database.read(lambda c: ThrottleRows(c, 1.0).get(KEY)) == 1
    await store.close()
