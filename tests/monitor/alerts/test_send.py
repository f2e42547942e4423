"""The program that sends one message."""

import io
import json
import logging
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from interop.harness import free_port
from sipwright.monitor.alerts.send import LONGEST, UNKNOWN, main, send

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports

SAID = {"title": "t", "body": "b", "is_over": False, "addresses": ["nonsense", "json://127.0.0.1:9/nobody"]}


def sent(**changed):
    """Send a message; return why each address has not taken it, by its number."""
    found = {}
    send(SAID | changed, found.__setitem__)
    return found


def test_of_each_address_it_is_said_by_its_number_why_it_has_not_taken_it():
    found = sent()

    assert sorted(found) == [0, 1]
    assert found[0] == UNKNOWN
    assert "JSON" in found[1]
    assert sent(addresses=[]) == {}


def test_an_address_is_looked_at_without_sending_anything():
    assert sent(is_tried=True) == {0: UNKNOWN, 1: None}


def test_it_reads_json_and_writes_a_line_for_each_address(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(SAID | {"addresses": ["nonsense"]})))
    main()

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [[0, UNKNOWN]]


def test_what_is_secret_in_an_address_is_in_no_reason(monkeypatch):
    """What Apprise complains of may have anything in it."""

    def notify(self, **_):
        logging.getLogger("apprise").warning(f"json://me:s3cret%2F@host/tok-123?key=abcd {'x' * 500}")
        return False

    monkeypatch.setattr("apprise.Apprise.notify", notify)
    (why,) = sent(addresses=["json://me:s3cret%2F@host/tok-123?key=abcd"]).values()

    assert why.startswith("json://me:...@host/...?... xxx")
    assert len(why) == LONGEST


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
        assert sent(addresses=[address], body=body) == {0: None}
    finally:
        controller.stop()

    (mail,) = mails
    assert mail.get_body(("plain",)).get_content().split("\r\n") == body.split("\n")
