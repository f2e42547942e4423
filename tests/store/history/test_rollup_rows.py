"""What nodes have measured, in the database."""

from sipwright.services.rows import RollupRow
from sipwright.store.history.rollup_rows import forget_rollups, last_rows, read_rollups
from sipwright.store.schema import watching_tables


async def put(database, rows):
    await database.write(
        lambda c: c.execute(watching_tables.rollups.insert(), [row._asdict() for row in rows])
    )


async def test_rows_of_a_span_are_read_in_order_and_the_newest_of_each_is_found(store):
    database = store.database
    await put(
        database,
        [RollupRow(0, 0, "a", b""), *(RollupRow(10, at, node, b"x") for at in (20, 10, 30) for node in "ba")],
    )
    await put(database, [RollupRow(60, 0, "a", b"y")])

    found = await database.read(lambda c: read_rollups(c, 10, 15, 30))
    assert [(row.at, row.node) for row in found] == [(20, "a"), (20, "b"), (30, "a"), (30, "b")]
    last = await database.read(lambda c: last_rows(c, "a"))
    assert sorted(row[:3] for row in last) == [(10, 30, "a"), (60, 0, "a")]
    assert await database.read(lambda c: last_rows(c, "nobody")) == []


async def test_each_span_is_kept_for_its_time(store):
    database = store.database
    rows = [RollupRow(span, at, "a", b"") for span in (0, 10, 60) for at in range(0, 1200, 10)]
    await put(database, rows)

    async def pause(seconds):
        pass

    assert await forget_rollups(database, {10: 200.0, 60: 1000.0}, 1200.0, pause=pause) == 100 + 20
    assert (await database.read(lambda c: read_rollups(c, 10, 0, 2000)))[0].at == 1000
    assert len(await database.read(lambda c: read_rollups(c, 0, 0, 2000))) == 120
