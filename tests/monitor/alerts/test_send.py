"""The program that sends one message."""

import io
import json

import pytest

from sipwright.monitor.alerts.send import main, send

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports

SAID = {"title": "t", "body": "b", "is_over": False, "addresses": ["nonsense", "json://127.0.0.1:9/nobody"]}


def test_who_has_not_taken_it_is_named_by_number():
    assert send(SAID) == [0, 1]
    assert send(SAID | {"addresses": []}) == []


def test_it_reads_and_writes_json(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(SAID | {"addresses": ["nonsense"]})))
    main()

    assert json.loads(capsys.readouterr().out) == [0]
