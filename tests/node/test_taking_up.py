import asyncio
from types import SimpleNamespace

from sipwright.node import taking_up
from sipwright.node.taking_up import take_up


async def test_what_comes_in_is_read_while_calls_and_runs_of_an_earlier_process_go_on(monkeypatch):
    """A call goes on in one turn with its run: a result that came in between would meet half a call."""
    monkeypatch.setattr(taking_up, "AT_ONCE", 2)
    done: list[str] = []
    calls: dict[str, SimpleNamespace] = {}

    def recover(rows):
        for row in rows:
            calls[row.id] = SimpleNamespace(id=row.id, execution_id=f"run {row.id}")
        done.append(" ".join(row.id for row in rows))
        return {call.execution_id: call for call in calls.values()}

    switch = SimpleNamespace(
        calls=calls, unread={"x"}, recover=recover,
        resume=lambda some: done.append("go " + " ".join(call.id for call in some)),
    )  # fmt: skip
    scripts = SimpleNamespace(
        recover=lambda runs, waiting, unread=(): done.append(
            " ".join([run.row.id for run in runs] + sorted(unread))
        )
    )
    runs = [SimpleNamespace(row=SimpleNamespace(id=f"run {name}")) for name in ("c", "a", "gone")]
    rows = [SimpleNamespace(id=name) for name in "abc"]
    reading = asyncio.create_task(_note_turns(done))
    await take_up(switch, scripts, rows, runs)
    reading.cancel()

    assert done == [
        "a b", "turn", "c", "turn", "run a", "go a b", "turn", "run c", "go c", "turn", "run gone x",
    ]  # fmt: skip


async def _note_turns(done):
    while True:
        done.append("turn")
        await asyncio.sleep(0)
