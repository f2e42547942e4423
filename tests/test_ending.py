"""Tasks are ended, also those that lose the word of it."""

import asyncio

from structlog.testing import capture_logs

from sipwright.ending import end, whereabouts


async def deaf(may_go_on, begun):
    """Go on, whatever is said, as long as that may be."""
    begun.set()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not may_go_on():
                raise


async def started(times=0, *, may_go_on=None):
    begun, left = asyncio.Event(), iter(range(times))
    task = asyncio.create_task(deaf(may_go_on or (lambda: next(left, None) is not None), begun))
    await begun.wait()
    return task


async def test_a_task_that_has_lost_the_word_of_its_end_is_told_again():
    tasks = [await started(times) for times in (0, 1, 3)]
    await end(tasks, again=0.0)

    assert [task.cancelled() for task in tasks] == [True, True, True]


async def test_a_connection_that_came_in_the_same_turn_has_taken_the_word():
    """As on Python 3.11 in `asyncio.wait_for`, by which the driver of PostgreSQL waits for its connection."""
    connected, rounds = asyncio.Event(), 0

    async def connect():
        await connected.wait()

    async def beat():
        nonlocal rounds
        connecting = asyncio.ensure_future(connect())
        try:
            await asyncio.wait_for(connecting, 60.0)
        except asyncio.CancelledError:
            if not connecting.done():
                raise
        while True:
            rounds += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(beat())
    await asyncio.sleep(0)
    connected.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await end([task], again=0.0)

    assert task.cancelled()
    assert rounds > 0


async def test_one_that_never_ends_is_named_and_holds_nobody_up():
    is_deaf = [True]
    task = await started(may_go_on=lambda: is_deaf[0])
    with capture_logs() as logs:
        await end([task], again=0.0, patience=0.01)

    assert [entry["event"] for entry in logs] == ["tasks do not end, and are left alone"]
    assert logs[0]["tasks"][0].startswith("deaf:")
    is_deaf[0] = False
    await end([task], again=0.0)


async def test_how_a_task_has_failed_is_no_news_any_more():
    async def fails():
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("gone")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await end([task])

    assert (task.done(), logs) == (True, [])


async def test_what_a_task_does_is_said_down_to_where_it_waits():
    task = await started(0)
    said = whereabouts(task)
    await end([task])

    assert said.startswith("deaf:")
    assert " > Event.wait:" in said
