"""What a node counts."""

import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.monitor.counts import COUNTS
from sipwright.node.counts import Changes, read_counts
from sipwright.node.node import Node
from sipwright.services.own_probes import NODE_USER
from sipwright.services.switch.call.table import CallTally
from sipwright.services.switch.model.identity import Identity


@pytest.fixture
def folder(tmp_path):
    data_folder(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
async def node(folder, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    made = await Node.open(Settings.load(folder))
    await made.start()
    yield made
    await made.stop()


async def test_all_counts_are_read_and_those_of_the_process_are_true(node):
    found = read_counts(node, readers=2)

    assert found.keys() == COUNTS.keys()
    assert (found["calls"], found["readers"]) == (0, 2)
    assert found["memory_bytes"] > 10_000_000
    assert found["open_files"] > 5
    assert found["cpu_seconds"] > 0


async def test_what_the_parts_count_is_read_from_them(node):
    before = read_counts(node)
    node.stack.transports[0].sent += 3
    node.stack.receiver.failed += 1
    node.stack.layer.transport_errors += 2
    found = read_counts(node)

    assert {
        name: found[name] - before[name] for name in ("socket_messages_out", "faults", "send_errors")
    } == {
        "socket_messages_out": 3,
        "faults": 1,
        "send_errors": 2,
    }


def test_what_rises_is_told_as_its_increase_and_left_out_at_first():
    changes = Changes()
    assert changes.since_last({"calls": 3.0, "calls_started": 10.0}) == {"calls": 3.0}

    assert changes.since_last({"calls": 1.0, "calls_started": 14.0}) == {"calls": 1.0, "calls_started": 4.0}


def test_calls_are_counted_once_each_by_what_became_of_them_and_probes_never():
    tally = CallTally()
    of_user, of_node = (Identity("out", 1, user_id, "example.org") for user_id in (1, NODE_USER))
    for identity in (of_user, of_node):
        for is_part in (False, True):
            tally.begin(identity, is_part=is_part)
            tally.answer(identity, is_part=is_part)
            for status in (302, 404, 486, 503, 603):
                tally.fail(identity, status, is_part=is_part)

    assert (tally.started, tally.answered, tally.failed) == (1, 1, {3: 1, 4: 2, 5: 1, 6: 1})
    assert tally.busy == 2
