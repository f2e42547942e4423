"""The dialplans that the first start makes do what their comments say."""

from __future__ import annotations

import pytest

from sipwright.commands.welcome import IN_PLAN, OUT_PLAN, FirstStart, pages_address, prepare, welcome
from sipwright.config import Settings
from sipwright.services.dialplan import check_script


@pytest.mark.parametrize("plan", [OUT_PLAN, IN_PLAN])
def test_they_pass_the_check(plan):
    assert check_script(plan) == []


@pytest.mark.dialplan(OUT_PLAN)
class TestOut:
    def test_100_is_always_busy(self, call):
        busy = call("alice", to="100")

        assert (busy.status, busy.reason, busy.path) == (486, "Busy Here", [])
        assert busy.log == ["alice calls 100"]

    def test_200_rings_both_and_the_first_to_answer_gets_the_call(self, call, phone):
        phone("alice").rings(9).answers()
        phone("bob").rings(4).answers()

        taken = call("carol", to="200")
        assert (taken.answered_by, taken.duration) == ("bob", 4.0)
        assert taken.path == ["alice 487", "bob 200"]

    def test_200_tells_when_nobody_is_there(self, call, phone):
        phone("alice").unregistered()
        phone("bob").rings()

        missed = call("carol", to="200")
        assert (missed.status, missed.reason, missed.duration) == (480, "Nobody is available", 20.0)

    @pytest.mark.parametrize("name", ["bob", "carol"])
    def test_everything_else_is_the_name_of_an_account(self, call, phone, name):
        phone(name).answers(after=2)

        assert call("alice", to=name).answered_by == name


@pytest.mark.dialplan(IN_PLAN)
class TestIn:
    def test_the_phones_of_the_account_ring(self, call, phone):
        phone("bob").answers(after=3)

        taken = call("+35312345", to="bob", direction="in")
        assert (taken.answered_by, taken.log) == ("bob", ["a call from +35312345@elsewhere.example"])

    def test_nobody_answers_for_half_a_minute(self, call, phone):
        phone("bob").rings()

        missed = call("+35312345", to="bob", direction="in")
        assert (missed.status, missed.reason, missed.duration) == (480, "Not available", 30.0)


def test_a_database_in_use_gets_no_example_accounts_when_the_settings_are_lost(command):
    (command.folder / "sipwright.toml").unlink()

    assert prepare(command.folder) is None
    assert command.json("account", "list") == []


def test_only_the_addresses_that_are_listened_on_are_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:5070"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    welcome(Settings.load(tmp_path), None)

    assert "running: SIP on 127.0.0.1:5070 (UDP)\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("listen", "server"),
    [
        ("127.0.0.1:5060", "127.0.0.1"),
        ("127.0.0.1:5070", "127.0.0.1:5070"),
        ("[::1]:5060", "[::1]"),
        ("[::1]:5070", "[::1]:5070"),
    ],
)
def test_the_server_is_told_as_a_phone_takes_it(capsys, monkeypatch, tmp_path, listen, server):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", f'["{listen}"]')
    welcome(Settings.load(tmp_path), FirstStart("admin", "secret", {"alice": "secret"}))

    assert f"server (registrar, domain, proxy): {server}\n" in capsys.readouterr().out


def test_settings_alone_are_completed_without_accounts_that_nobody_asked_for(tmp_path):
    (tmp_path / "sipwright.toml").write_text('[sip]\ndomains = ["sip.example.net"]\n')
    made = prepare(tmp_path)

    assert (made.admin, made.accounts) == ("admin", {})
    assert made.admin_password
    assert (tmp_path / "sipwright.key").exists()
    assert prepare(tmp_path) is None


def test_a_database_without_its_key_is_not_taken_for_a_new_folder(command):
    (command.folder / "sipwright.key").unlink()

    assert prepare(command.folder) is None


def test_later_starts_say_how_to_set_a_phone_up_again(command, capsys):
    welcome(Settings.load(command.folder), None, has_pages=True, admin="root")

    shown = capsys.readouterr().out
    assert "account set NAME --password P" in shown
    assert (
        f"log in as root   (a password that is lost: sipwright user password root --data {command.folder})"
        in shown
    )


@pytest.mark.parametrize(
    ("listen", "prefix", "shown"),
    [
        ("127.0.0.1:8080", "", "http://127.0.0.1:8080/"),
        ("0.0.0.0:80", "", "http://192.0.2.7:80/"),
        ("[::1]:8080", "/pbx", "http://[::1]:8080/pbx/"),
    ],
)
def test_where_the_pages_are_is_told_as_a_browser_takes_it(monkeypatch, tmp_path, listen, prefix, shown):
    monkeypatch.setenv("SIPWRIGHT_SIP__PUBLIC_ADDRESS", "192.0.2.7")
    monkeypatch.setenv("SIPWRIGHT_WEB__LISTEN", listen)
    monkeypatch.setenv("SIPWRIGHT_WEB__PREFIX", prefix)

    assert pages_address(Settings.load(tmp_path)) == shown


def test_the_admin_of_a_first_start_is_told_beside_the_pages(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIPWRIGHT_WEB__LISTEN", "127.0.0.1:8081")
    welcome(Settings.load(tmp_path), FirstStart("admin", "secret", {}), has_pages=True)

    shown = capsys.readouterr().out
    assert "Pages                  http://127.0.0.1:8081/\n    log in as admin    password secret" in shown
