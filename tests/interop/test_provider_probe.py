"""A provider is tested and probed that is a real one: Kamailio, which wants digest and grants 20 s."""

from __future__ import annotations

import json

import pytest

from interop.harness import Kamailio
from sipwright.commands.__main__ import run

pytestmark = pytest.mark.peer("kamailio")

HOST = "127.0.0.9"


@pytest.fixture(scope="module")
def kamailio():
    provider = Kamailio(HOST, config="kamailio-registrar.cfg")
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch(["root"])


@pytest.fixture
def provider(switch, kamailio):
    def add(password="secret", *options):
        switch.add_provider("kam", kamailio.address, "trunk", password, *options)

    yield add
    switch.run_command("provider", "remove", "kam")


def test_the_exchange_is_shown_without_what_is_secret(switch, kamailio, provider):
    provider("secret")
    tested = json.loads(switch.run_command("provider", "test", "kam", "--method", "REGISTER", "--json"))

    assert (tested["ok"], tested["method"], tested["status"]) == (True, "REGISTER", 200)
    first_lines = [one["label"].split(" sip:")[0] for one in tested["exchange"]]
    assert first_lines == ["REGISTER", "SIP/2.0 401 Unauthorized", "REGISTER", "SIP/2.0 200 OK"]
    said = switch.run_command("provider", "test", "kam", "--method", "REGISTER")
    assert "Authorization: Digest (removed)" in said
    assert "kam answers REGISTER with 200 OK after" in said.splitlines()[-1]


def test_a_wrong_password_is_an_exit_status(switch, provider, capsys):
    provider("wrong")

    assert run(["provider", "test", "kam", "--method", "REGISTER", "--data", str(switch.data)]) == 1
    assert "sipwright: kam answers REGISTER with 401 Unauthorized" in capsys.readouterr().err


def test_it_is_probed_and_added_by_its_profile(switch, kamailio, tmp_path):
    file = tmp_path / "kam.json"
    switch.run_command(
        "provider",
        "probe",
        kamailio.address,
        "--username",
        "trunk",
        "--password",
        "secret",
        "--output",
        str(file),
    )
    found = json.loads(file.read_text())

    assert (found["transports"]["udp"]["status"], found["transports"]["tcp"]["status"]) == (404, None)
    assert found["authentication"] == {
        "status": 401, "realms": ["trunk.example"], "algorithms": ["MD5"], "qop": ["auth"],
    }  # fmt: skip
    assert found["expiry"] == {"shortest": 60, "longest": 20, "fault": None}
    assert (found["server"], found["register"]) == (kamailio.address, True)

    named = ("--username", "trunk", "--password", "secret", "--profile", str(file))
    switch.run_command("provider", "add", "kam", *named)
    (row,) = json.loads(switch.run_command("provider", "list", "--json"))
    switch.run_command("provider", "remove", "kam")
    assert (row["server"], row["register"], row["drift"]) == (kamailio.address, True, [])
    assert row["probed_at"] == pytest.approx(found["probed_at"])
