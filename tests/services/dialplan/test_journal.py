"""The journal: one row for each effect, written again when its result is there."""

from typing import Any

from sipwright.services.dialplan import Entry
from sipwright.services.dialplan.journal import Journal


class Rows:
    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}

    def put(self, kind, key, row, on_commit=None) -> None:
        assert kind == "journal"
        self.rows[key] = row


def test_an_effect_is_a_row_and_its_result_replaces_it():
    rows = Rows()
    journal = Journal("x", rows)
    journal.release()

    journal.add("start", 1.0, {"a": "\udce9"})
    journal.begin("dial", 2.0, {"target": "a@b"})
    assert rows.rows[("x", 1)] == Entry("x", 1, 2.0, "dial", '{"target":"a@b"}', None)

    journal.end({"status": 486})
    journal.end({"status": 0})
    assert rows.rows == {
        ("x", 0): Entry("x", 0, 1.0, "start", '{"a":"\\udce9"}', None),
        ("x", 1): Entry("x", 1, 2.0, "dial", '{"target":"a@b"}', '{"status":486}'),
    }


def test_a_journal_goes_on_where_it_was():
    rows = Rows()
    entries = [Entry("x", 0, 1.0, "start", "{}", None), Entry("x", 1, 2.0, "dial", "{}", None)]

    journal = Journal("x", rows, entries)
    journal.end(True)
    journal.add("log", 3.0, [[1, "a"]])

    assert list(rows.rows.values()) == [
        Entry("x", 1, 2.0, "dial", "{}", "true"),
        Entry("x", 2, 3.0, "log", '[[1,"a"]]', None),
    ]
    assert Journal("x", rows, entries[:1]).pending is None


def test_a_new_journal_is_held_back_until_it_is_released():
    rows = Rows()
    journal = Journal("x", rows)

    journal.add("start", 1.0, {})
    journal.begin("dial", 2.0, {})
    journal.end({"status": 487})
    assert rows.rows == {}

    journal.release()
    assert list(rows.rows.values()) == [
        Entry("x", 0, 1.0, "start", "{}", None),
        Entry("x", 1, 2.0, "dial", "{}", '{"status":487}'),
    ]
