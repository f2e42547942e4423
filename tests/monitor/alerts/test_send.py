"""The program that sends one message."""

import io
import json
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from interop.harness import free_port
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


def test_its_lines_stay_lines():
    """A mail is read at three in the morning: what is wrong on one line, and what to look at first on the next."""
    mails = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            mails.append(message_from_bytes(envelope.content, policy=default))
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{controller.port}?from=a@example.org&to=b@example.org&mode=insecure"
        body = "One is away.\n  Look first: there\n\nTwo is away.\n"
        assert send(SAID | {"addresses": [address], "body": body}) == []
    finally:
        controller.stop()

    (mail,) = mails
    assert mail.get_body(("plain",)).get_content().split("\r\n") == body.split("\n")
