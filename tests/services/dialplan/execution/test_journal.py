"""The journal: entries in the row of the run, and in rows of their own when there are many."""

import pytest
from tests.memory_writer import MemoryWriter

from sipwright.services.dialplan import Entry
from sipwright.services.dialplan.execution.journal import LONGEST, Journal
from sipwright.services.journal_text import read_entries


def test_an_effect_is_an_entry_that_gets_its_result():
    journal = Journal("x", MemoryWriter())

    journal.add("start", 1.0, {"a": "\udce9"})
    journal.begin("dial", 2.0, {"target": "a@b"})
    assert journal.text() == (
        r'{"format":2,"entries":['
        r'{"sequence":0,"at":1.0,"function":"start","arguments":{"a":"\udce9"},"result":null},'
        r'{"sequence":1,"at":2.0,"function":"dial","arguments":{"target":"a@b"},"result":null}]}'
    )

    journal.end({"status": 486})
    journal.end({"status": 0})
    assert read_entries("x", journal.text()) == [
        Entry("x", 0, 1.0, "start", '{"a":"\\udce9"}', None),
        Entry("x", 1, 2.0, "dial", '{"target":"a@b"}', '{"status":486}'),
    ]


def test_a_journal_goes_on_where_it_was():
    entries = [Entry("x", 0, 1.0, "start", "{}", None), Entry("x", 1, 2.0, "dial", "{}", None)]

    journal = Journal("x", MemoryWriter(), entries)
    journal.end(True)
    journal.add("log", 3.0, [[1, "a"]])

    assert journal.text() == (
        '{"format":2,"entries":[{"sequence":0,"at":1.0,"function":"start","arguments":{},"result":null},'
        '{"sequence":1,"at":2.0,"function":"dial","arguments":{},"result":true},'
        '{"sequence":2,"at":3.0,"function":"log","arguments":[[1,"a"]],"result":null}]}'
    )
    assert Journal("x", MemoryWriter(), entries[:1]).pending is None


def test_a_long_journal_leaves_the_row_but_for_what_is_under_way():
    """What waits for its result stays where the result is put in the same transaction as what was done."""
    rows = MemoryWriter(at_once=True)
    journal = Journal("x", rows)
    journal.add("log", 1.0, [[1, "a" * LONGEST]])
    assert read_entries("x", journal.text()) == [Entry("x", 0, 1.0, "log", f'[[1,"{"a" * LONGEST}"]]', None)]
    assert rows.rows["journal"] == {}

    journal.begin("sleep", 2.0, {})

    assert read_entries("x", journal.text()) == [Entry("x", 1, 2.0, "sleep", "{}", None)]
    assert [(key, entry.function) for key, entry in rows.rows["journal"].items()] == [(("x", 0), "log")]
    journal.end(True)
    assert read_entries("x", journal.text()) == [Entry("x", 1, 2.0, "sleep", "{}", "true")]


def test_a_run_that_waits_a_thousand_times_does_not_write_all_of_it_each_time():
    rows, written = MemoryWriter(at_once=True), 0
    journal = Journal("x", rows)
    for number in range(1000):
        journal.begin("sleep", float(number), {"seconds": 0.1})
        written += len(journal.text())
        journal.end(True)

    assert written < 1000 * LONGEST
    entries = [*rows.rows["journal"].values(), *read_entries("x", journal.text())]
    assert [entry.sequence for entry in entries] == list(range(1000))


def test_a_journal_that_release_0_1_0_has_written_is_read_and_goes_on():
    entries = read_entries("x", '[[0,1.0,"start",{},null],[1,2.0,"sleep",{"seconds":3},null]]')
    journal = Journal("x", MemoryWriter(), entries)
    journal.end(True)

    assert entries == [
        Entry("x", 0, 1.0, "start", "{}", None),
        Entry("x", 1, 2.0, "sleep", '{"seconds":3}', None),
    ]
    assert read_entries("x", journal.text())[1].result == "true"


def test_a_journal_that_a_newer_version_has_written_is_not_read():
    with pytest.raises(ValueError, match="a newer version"):
        read_entries("x", '{"format":3,"entries":[]}')


@pytest.mark.parametrize(
    "text",
    ["0", "{}", "[1]", "[[1, 2]]", '{"format":"x"}', '{"format":2}', '{"format":2,"entries":[{"at":1}]}',
     '{"format":2,"entries":[7]}', '{"format":3}', "[" * 5_000],
)  # fmt: skip
def test_a_damaged_journal_is_refused_in_one_way(text):
    with pytest.raises(ValueError, match=r"."):
        read_entries("x", text)
