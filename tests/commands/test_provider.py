"""``sipwright provider``."""

from __future__ import annotations

import itertools

import orjson
import pytest

from administering import Administering
from authority import Authority
from sipwright.services.probing import Profile
from sipwright.store import Administration, ProviderChange, ProviderSpec


def test_providers_are_added_listed_shown_and_removed(command):
    added = command.ok(
        "provider", "add", "blueface", "--server", "sip.b.example:5062", "--username", "353", "--password", "hidden",
        "--register", "--auth-username", "auth", "--realm", "b", "--from", "sip:353@b", "--proxy", "edge.b.example",
    )  # fmt: skip
    assert added == "added blueface\n"
    expected = {
        "provider": "blueface",
        "user": "admin",
        "server": "sip.b.example:5062",
        "username": "353",
        "auth_username": "auth",
        "register": True,
        "realm": "b",
        "from": "sip:353@b",
        "proxy": "edge.b.example",
        "answer_within": None,
        "longest_call": None,
        "enabled": True,
        "networks": [],
        "number_in": "auto",
        "tls_verify": "on",
        "calls_in": "accounts named like the number",
        "account": None,
        "in": None,
        "numbers": [],
        "state": None,
        "registered_until": None,
        "status": None,
        "reason": None,
        "unreachable_since": None,
        "unreachable_reason": None,
    }
    assert command.json("provider", "list") == [expected]
    command.ok("provider", "set", "blueface", "--calls", "1")
    assert command.json("provider", "show", "blueface")["calls"] == 1
    assert "calls            1\n" in command.ok("provider", "show", "blueface")
    command.ok("provider", "set", "blueface", "--calls", "0")
    assert command.json("provider", "show", "BlueFace") == expected
    assert "register         yes" in command.ok("provider", "show", "blueface")
    assert "hidden" not in command.out
    assert command.ok("provider", "list").splitlines()[1].split() == [
        "blueface", "admin", "sip.b.example:5062", "353", "yes", "accounts", "named", "like", "the", "number",
    ]  # fmt: skip

    assert command.ok("provider", "remove", "blueface") == "removed blueface\n"
    assert "'sipwright provider list'" in command.fails("provider", "show", "blueface")
    assert command("provider", "list") == 0
    assert "adds one" in command.err


def test_a_provider_belongs_to_a_user(command):
    command.ok("user", "add", "carol", "--password", "x")
    arguments = ("--server", "s", "--username", "u", "--password", "p")
    command.ok("provider", "add", "blueface", *arguments, "--user", "carol")
    command.ok("provider", "add", "blueface", *arguments)

    assert [row["user"] for row in command.json("provider", "list")] == ["carol", "admin"]
    assert [row["user"] for row in command.json("provider", "list", "--user", "carol")] == ["carol"]
    assert "remove it first" in command.fails("provider", "add", "blueface", *arguments)
    assert "Missing option '--server'" in command.fails("provider", "add", "x", status=2)


def test_a_provider_is_changed_in_what_is_given(command):
    command.ok(
        "provider", "add", "blueface", "--server", "s", "--username", "u", "--password", "p", "--realm", "r"
    )
    before = command.json("provider", "show", "blueface")

    assert (
        command.ok("provider", "set", "blueface", "--register", "--password", "new") == "changed blueface\n"
    )
    assert command.json("provider", "show", "blueface") == {**before, "register": True}
    command.ok(
        "provider", "set", "blueface", "--server", "t:5070", "--username", "v", "--realm", "", "--proxy", "edge",
        "--auth-username", "w", "--from", "sip:353@b", "--no-register", "--disable",
    )  # fmt: skip
    assert command.json("provider", "show", "blueface") == {
        **before,
        "server": "t:5070",
        "username": "v",
        "realm": None,
        "proxy": "edge",
        "auth_username": "w",
        "from": "sip:353@b",
        "enabled": False,
    }
    assert "without spaces" in command.fails("provider", "set", "blueface", "--server", "a b")


BAD_SERVERS = ("sip.b.example:99999", "b:0", "b:", "b:port", "::1", "b/c", "b,c", "b?x=y", "bü")


@pytest.mark.parametrize(
    ("option", "server"),
    [("--server", "sip:b"), *itertools.product(("--server", "--proxy"), BAD_SERVERS)],
)
def test_a_server_that_cannot_be_read_is_refused(command, option, server):
    command.ok("provider", "add", "good", "--server", "s", "--username", "u", "--password", "p")
    before = command.json("provider", "show", "good")
    what = option.removeprefix("--")
    said = f"{server!r} cannot be the provider's {what}; write HOST or HOST:PORT, with a port up to 65535"
    given = {"--server": "s", option: server}

    assert (
        command.fails(
            "provider", "add", "bad", "--username", "u", "--password", "p", *itertools.chain(*given.items())
        )
        == said
    )
    assert command.fails("provider", "set", "good", option, server) == said
    assert command.json("provider", "show", "good") == before


@pytest.mark.parametrize("server", ["b:65535", "[2001:db8::1]:5060", "b;transport=tcp", "192.0.2.1"])
def test_a_server_may_be_any_place_in_a_uri(command, server):
    command.ok(
        "provider",
        "add",
        "b",
        "--server",
        server,
        "--username",
        "u",
        "--password",
        "p",
        "--proxy",
        f"sip:{server}",
    )
    shown = command.json("provider", "show", "b")

    assert (shown["server"], shown["proxy"]) == (server, f"sip:{server}")


async def test_the_new_password_of_a_provider_is_stored(command):
    store = await Administration.open(
        f"sqlite:///{command.folder}/sipwright.db", command.folder / "sipwright.key"
    )
    try:
        await Administering(store).add_provider(ProviderSpec("blueface", "s", "u", "old"))
        changed = await Administering(store).change_provider("blueface", ProviderChange(password="new"))
        assert (changed.password, changed.username) == ("new", "u")
    finally:
        await store.close()


def test_a_provider_has_a_longest_call_of_its_own(command):
    command.ok(
        "provider",
        "add",
        "trunk",
        "--server",
        "s",
        "--username",
        "u",
        "--password",
        "p",
        "--longest-call",
        "60",
    )
    assert command.json("provider", "show", "trunk")["longest_call"] == 60.0
    command.ok("provider", "set", "trunk", "--longest-call", "0")
    assert command.json("provider", "show", "trunk")["longest_call"] is None


def test_an_empty_user_name_is_none(command):
    told = command.fails("provider", "add", "trunk", "--server", "203.0.113.1", "--username", "")

    assert "how does it know us?" in told


def test_how_long_a_provider_may_take_is_said_and_taken_back(command):
    add = ("provider", "add", "trunk", "--server", "203.0.113.1", "--from", "203.0.113.1")
    command.ok(*add, "--answer-within", "0")
    assert command.json("provider", "show", "trunk")["answer_within"] == 0
    command.ok("provider", "set", "trunk", "--calls", "4")
    assert command.json("provider", "show", "trunk")["answer_within"] == 0

    command.ok("provider", "set", "trunk", "--answer-within", "-1")
    assert command.json("provider", "show", "trunk")["answer_within"] is None


def test_who_takes_the_calls_is_said_and_shown(command):
    command.ok("account", "add", "101", "--password", "p")
    command.ok("account", "add", "102", "--password", "p")
    (command.folder / "in.py").write_text("respond(480)\n")
    command.ok("dialplan", "set", "reception", str(command.folder / "in.py"))
    credentials = ("--server", "s", "--username", "u", "--password", "p")
    command.ok("provider", "add", "b", *credentials, "--register")
    assert "calls in         account 101@example.org (by default)" in command.ok("provider", "show", "b")

    assert command.fails("provider", "set", "b", "--account", "102", "--in", "reception") == (
        "calls go to an account or to a dialplan; name one of the two, not both"
    )
    command.ok("provider", "set", "b", "--account", "102")
    (row,) = command.json("provider", "list")
    assert (row["calls_in"], row["account"], row["in"]) == (
        "account 102@example.org", "102@example.org", None,
    )  # fmt: skip
    assert "takes the calls of provider 'b'" in command.fails("account", "remove", "102")
    assert command.ok("account", "remove", "102", "--force") == "removed 102@example.org\n"
    assert command.err == "nobody takes the calls of provider b now\n"
    assert "calls in         nobody: the account is gone" in command.ok("provider", "show", "b")

    command.ok("provider", "set", "b", "--in", "reception", "--number-in", "to")
    shown = command.json("provider", "show", "b")
    assert (shown["calls_in"], shown["in"], shown["number_in"]) == ("dialplan reception", "reception", "to")
    command.ok("provider", "set", "b", "--in", "-", "--number-in", "auto")
    shown = command.json("provider", "show", "b")
    assert (shown["calls_in"], shown["number_in"]) == ("account 101@example.org (by default)", "auto")


def test_a_trunk_is_known_by_its_address(command):
    command.ok("account", "add", "101", "--password", "p")
    assert "--from NETWORK for a trunk" in command.fails(
        "provider", "add", "carrier", "--server", "203.0.113.1"
    )
    command.ok(
        "provider",
        "add",
        "carrier",
        "--server",
        "203.0.113.1",
        "--from",
        "203.0.113.0/29",
        "--from",
        "198.51.100.7",
    )
    shown = command.json("provider", "show", "carrier")
    assert (shown["username"], shown["networks"], shown["from"]) == (
        None, ["203.0.113.0/29", "198.51.100.7/32"], None,
    )  # fmt: skip
    assert "networks         203.0.113.0/29, 198.51.100.7/32" in command.ok("provider", "show", "carrier")

    said = command.ok("provider", "did", "add", "carrier", "+3531555010x", "--account", "101")
    assert said == "calls to +3531555010x by carrier go to account 101\n"
    assert command.json("provider", "did", "list", "carrier") == [
        {
            "number": "+3531555010x",
            "calls_in": "account 101@example.org",
            "account": "101@example.org",
            "in": None,
        }
    ]
    assert "number           +3531555010x to account 101@example.org" in command.ok(
        "provider", "show", "carrier"
    )
    assert command.ok("provider", "did", "list", "carrier").splitlines()[1].split() == [
        "+3531555010x", "account", "101@example.org",
    ]  # fmt: skip
    command.ok("provider", "did", "remove", "carrier", "+3531555010x")
    assert command("provider", "did", "list", "carrier") == 0
    assert "did add carrier" in command.err


def test_what_from_once_took_it_still_takes(command):
    """A URI there is the From of the calls that we send."""
    credentials = ("--server", "s", "--username", "u", "--password", "p")
    command.ok("provider", "add", "b", *credentials, "--from", "sip:353@b", "--from", "203.0.113.7")
    shown = command.json("provider", "show", "b")
    assert (shown["from"], shown["networks"]) == ("sip:353@b", ["203.0.113.7/32"])

    command.ok("provider", "set", "b", "--from-uri", "sip:354@b", "--from", "-")
    shown = command.json("provider", "show", "b")
    assert (shown["from"], shown["networks"]) == ("sip:354@b", [])
    command.ok("provider", "set", "b", "--from", "")
    assert command.json("provider", "show", "b")["from"] is None
    for twice in (("--from", "sip:1@b", "--from-uri", "sip:2@b"), ("--from", "-", "--from", "203.0.113.7")):
        assert "give" in command.fails("provider", "set", "b", *twice)


def test_a_provider_is_added_by_what_was_found_out_about_it(command, tmp_path):
    file = tmp_path / "profile.json"
    profile = Profile("sip.b.example", 1_000.0, "sip.b.example;transport=tls", "wildcard", register=True)
    file.write_bytes(orjson.dumps(profile.as_json()))
    named = ("--username", "353", "--password", "p", "--profile", str(file))
    command.ok("provider", "add", "b", *named)

    shown = command.json("provider", "show", "b")
    assert (shown["server"], shown["tls_verify"], shown["register"]) == (profile.server, "wildcard", True)
    assert (shown["probed_at"], shown["drift"]) == (1_000.0, [])

    command.ok("provider", "add", "c", *named, "--server", "other.example")
    assert command.json("provider", "show", "c")["server"] == "other.example"
    assert command.json("provider", "show", "c")["tls_verify"] == "on"
    file.write_text("{}")
    assert "is no profile of a provider" in command.fails("provider", "add", "d", *named)


def test_a_provider_is_probed_where_nobody_answers(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sipwright.transport.query_line.COPIES", (0.01,))

    assert command.fails("provider", "probe", "127.0.0.1:9") == (
        "nobody answers SIP at 127.0.0.1:9, over UDP, TCP or TLS"
    )
    assert command.fails("provider", "probe", "a b").startswith("'a b' is no host")
    assert list(tmp_path.glob("*.profile.json")) == []


def test_a_provider_is_tested_by_the_switch_that_runs(command):
    command.ok("provider", "add", "b", "--server", "s", "--username", "u", "--password", "p")

    assert command.fails("provider", "test", "b").startswith("no switch runs with the data folder")


def test_a_provider_is_shown_a_certificate(command, tmp_path):
    files = Authority(tmp_path).issue("us.example")
    add = ("provider", "add", "b", "--server", "s;transport=tls", "--username", "u", "--password", "p")
    command.ok(*add, "--certificate", str(files.certificate), "--key", str(files.key))
    shown = command.json("provider", "show", "b")
    assert (shown["certificate"], shown["certificate_key"]) == (str(files.certificate), str(files.key))

    command.ok("provider", "set", "b", "--certificate", "", "--key", "")
    assert "certificate" not in command.json("provider", "show", "b")
    command.ok("provider", "remove", "b")
    assert "cannot be used" in command.fails(*add, "--certificate", str(files.certificate))
    assert "cannot be used" in command.fails(*add, "--certificate", str(tmp_path / "none"))
    assert "a key belongs to a certificate" in command.fails(*add, "--key", str(files.key))


def test_a_trunk_may_be_known_by_its_certificate(command):
    add = (
        "provider",
        "add",
        "b",
        "--server",
        "203.0.113.1",
        "--from",
        "tls:Trunk.Example",
        "--from",
        "203.0.113.0/29",
    )
    command.ok(*add)
    assert command.json("provider", "show", "b")["networks"] == ["tls:trunk.example", "203.0.113.0/29"]

    command.ok("user", "add", "carol", "--password", "correct horse battery")
    theirs = ("provider", "add", "c", "--server", "s", "--user", "carol", "--from")
    assert command.fails(*theirs, "tls:trunk.example").startswith(
        "tls:trunk.example is the provider 'b' of 'admin'"
    )
    assert "names no certificate" in command.fails(*theirs, "tls:")
    assert "names no certificate" in command.fails(*theirs, "tls:*.example")
    command.ok(*theirs, "tls:other.example")


def test_a_provider_is_asked_for_messages_where_that_is_said(command):
    command.ok(
        "provider", "add", "b", "--server", "b.example", "--username", "u", "--password", "p", "--messages"
    )
    assert command.json("provider", "show", "b")["messages"] is True
    command.ok("provider", "set", "b", "--calls", "2")
    assert command.json("provider", "show", "b")["messages"] is True
    command.ok("provider", "set", "b", "--no-messages")
    assert "messages" not in command.json("provider", "show", "b")
