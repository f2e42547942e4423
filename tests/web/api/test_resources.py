"""Each resource, on a switch that runs: what is made is there, what is wrong is told, and what it looks like."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from computing import fair_seconds
from sipwright.web.app import RESOURCES


def test_an_account_is_made_changed_and_removed(rest):
    made = rest("POST", "/accounts", json={"name": "carol", "password": "secret", "out_plan": "out"})
    assert (made.status_code, made.json()["account"]) == (201, "carol@sip.test")
    assert made.headers["location"] == "/api/v1/accounts/carol%40sip.test"
    assert made.headers["etag"] == f'"{made.json()["etag"]}"'

    assert rest.get("/accounts/carol@sip.test")["phone_settings"]
    shown = rest.get("/accounts/carol")
    assert (shown["out_plan"], shown["enabled"], shown["phones"]) == ("out", True, [])
    assert datetime.fromisoformat(shown["created_at"]).utcoffset().total_seconds() == 0

    changed = rest("PATCH", "/accounts/carol", json={"out_plan": None, "enabled": False, "most_calls": 3})
    assert changed.status_code == 200, changed.text
    assert [changed.json()[name] for name in ("out_plan", "enabled", "most_calls")] == [None, False, 3]

    assert rest("DELETE", "/accounts/carol").status_code == 204
    assert rest("GET", "/accounts/carol").status_code == 404


def test_numbers_of_a_provider_and_invites_are_made_and_taken_back(rest):
    made = rest("POST", "/providers/alice-trunk/numbers", who="alice",
                json={"number": "+3531555010x", "account": "alice-phone"})  # fmt: skip
    assert (made.status_code, made.json()["numbers"][0]["number"]) == (201, "+3531555010x")
    assert rest("DELETE", "/providers/alice-trunk/numbers/%2B3531555010x", who="alice").status_code == 204
    assert rest.get("/providers/alice-trunk", who="alice")["numbers"] == []

    invite = rest("POST", "/invites", json={"uses": 2, "note": "the office"}).json()
    (shown,) = [one for one in rest.get("/invites")["items"] if one["id"] == invite["id"]]
    assert (shown["uses_left"], "code" in shown) == (2, False)
    assert rest("DELETE", f"/invites/{invite['id']}").status_code == 204
    assert rest("POST", "/users/alice/unlock").status_code == 204
    assert rest("POST", "/users/alice/totp/off").status_code == 204
    assert rest("POST", "/users/nobody/unlock").status_code == 404


def test_a_change_of_what_somebody_else_has_changed_is_refused(rest):
    etag = rest("POST", "/accounts", json={"name": "dave", "password": "secret"}).headers["etag"]
    first = rest("PATCH", "/accounts/dave", json={"most_calls": 5}, headers={"If-Match": etag})
    second = rest("PATCH", "/accounts/dave", json={"most_calls": 6}, headers={"If-Match": etag})

    assert (first.status_code, second.status_code) == (200, 409)
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["content-type"] == "application/problem+json"
    assert rest("DELETE", "/accounts/dave", headers={"If-Match": first.headers["etag"]}).status_code == 204


def test_a_name_that_is_taken_is_told_at_its_field(rest):
    for path, body in (
        ("/accounts", {"name": "bob", "password": "secret"}),
        ("/users", {"name": "alice", "password": "a long secret"}),
        ("/me/tokens", {"name": "root"}),
    ):
        answer = rest("POST", path, json=body)
        assert (path, answer.status_code) == (path, 409)
        assert answer.json()["errors"] == [
            {"field": "name", "line": None, "message": answer.json()["detail"]}
        ]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/accounts", {"name": "x"}, "password"),
        ("POST", "/accounts", {"name": "x", "password": "y", "pasword": "z"}, "pasword"),
        ("POST", "/accounts", {"name": "a b", "password": "y"}, "name"),
        ("POST", "/accounts", {"name": "x", "password": "y", "out_plan": "nix"}, "out_plan"),
        ("PATCH", "/accounts/bob", {"most_calls": -1}, "most_calls"),
        ("POST", "/providers", {"name": "p", "server": ""}, "server"),
        ("GET", "/cdrs?from=yesterday", None, "from"),
        ("GET", "/cdrs?status=nix", None, "status"),
        ("GET", "/accounts?limit=0", None, "limit"),
        ("GET", "/accounts?limit=1000000", None, "limit"),
        ("GET", "/accounts?cursor=nix", None, "cursor"),
        ("PUT", "/store/x", {"value": None}, "value"),
    ],
)
def test_wrong_input_is_told_at_its_field(rest, method, path, body, field):
    answer = rest(method, path, json=body)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b"\xff", b"{}" * 3, b'"x"', b"null", b'{"name": "\\ud800", "password": "x"}']
)
def test_a_body_that_is_not_what_is_wanted_is_no_fault_of_ours(rest, body):
    answer = rest("POST", "/accounts", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_five_megabytes_are_refused(rest):
    answer = rest("PUT", "/dialplans/large", content=b"x" * 5_000_000)

    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_who_sends_five_megabytes_before_it_looks_for_an_answer_gets_one(rest):
    """As the client of Python's own library does: a connection that is reset would tell it nothing."""
    headers = {"Authorization": f"Bearer {rest.tokens['root']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{rest.url}/api/v1/calls", b"x" * 5_000_000, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)

    assert refused.value.code == 413
    assert "send less" in json.load(refused.value)["detail"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/me"), ("DELETE", "/accounts"), ("PUT", "/calls/x")])
def test_another_method_is_told_which_there_are(rest, method, path):
    answer = rest(method, path)

    assert (answer.status_code, answer.json()["status"]) == (405, 405)
    assert "GET" in answer.headers["allow"]


def test_a_script_that_is_wrong_is_not_saved_and_its_lines_are_told(rest):
    source = 'log("fine")\nnix()\n'
    refused = rest("PUT", "/dialplans/broken", json={"source": source})
    checked = rest("POST", "/dialplans/check", json={"source": source}).json()

    assert refused.status_code == 422
    assert [(one["field"], one["line"]) for one in refused.json()["errors"]] == [("source", 2)]
    assert (checked["ok"], [one["line"] for one in checked["problems"]]) == (False, [2])
    assert rest("GET", "/dialplans/broken").status_code == 404


def test_a_dialplan_has_versions_and_goes_back(rest):
    for number in (1, 2):
        assert (
            rest("PUT", "/dialplans/many", json={"source": f'respond(48{number}, "No")\n'}).status_code == 200
        )
    assert [one["version"] for one in rest.get("/dialplans/many/versions")["items"]] == [2, 1]
    assert "+respond(482" in rest.get("/dialplans/many/diff?old=1")["text"]

    assert rest("POST", "/dialplans/many/rollback", json={"version": 1}).status_code == 200
    assert rest.get("/dialplans/many")["source"] == 'respond(481, "No")\n'
    assert rest("DELETE", "/dialplans/many").status_code == 204


def test_a_script_is_tried_without_a_phone(rest):
    tried = rest("POST", "/dialplans/out/try", json={"from": "alice", "to": "300"})

    assert tried.status_code == 200, tried.text
    assert any("on my way" in line for line in tried.json()["lines"])


def test_a_provider_never_shows_its_password(rest):
    made = rest(
        "POST",
        "/providers",
        json={"name": "trunk", "server": "127.0.0.8", "username": "u", "password": "hidden"},
    )

    assert (made.status_code, made.json()["register"]) == (201, False)
    assert "hidden" not in made.text + rest("GET", "/providers/trunk").text
    assert (
        rest("PATCH", "/providers/trunk", json={"realm": "r", "networks": ["192.0.2.0/24"]}).json()["realm"]
        == "r"
    )
    assert rest("PATCH", "/providers/trunk", json={"realm": None}).json()["realm"] is None
    assert rest("DELETE", "/providers/trunk").status_code == 204


def test_lists_come_in_pages(rest):
    seen, cursor = [], ""
    while cursor is not None:
        page = rest.get(f"/accounts?limit=25{cursor and '&cursor='}{cursor}")
        assert len(page["items"]) <= 25
        seen += [one["account"] for one in page["items"]]
        cursor = page["next"]

    assert len(seen) == len(set(seen)) > 50


def test_a_value_of_a_script_is_kept(rest):
    value = {"a": [1, "ä", None, 2.5, True]}
    assert rest("PUT", "/store/some/key", json={"value": value}).json()["value"] == value
    assert [one["key"] for one in rest.get("/store?prefix=some")["items"]] == ["some/key"]
    assert rest("DELETE", "/store/some/key").status_code == 204


def test_a_token_is_made_works_and_is_revoked(rest):
    made = rest("POST", "/me/tokens", json={"name": "short", "scopes": ["read"], "days": 1}).json()
    header = {"Authorization": f"Bearer {made['token']}"}

    assert rest("GET", "/me", who="", headers=header).json()["scopes"] == ["read"]
    assert (
        rest("POST", "/accounts", who="", headers=header, json={"name": "z", "password": "z"}).status_code
        == 403
    )
    assert rest("DELETE", "/me/tokens/short").status_code == 204
    refused = rest("GET", "/me", who="", headers=header)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="sipwright"')


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nix", "Basic cm9vdDpyb290", "Bearer \xff"])
def test_who_does_not_say_who_they_are_is_asked(rest, header):
    refused = rest(
        "GET", "/me", who="", headers={"Authorization": header.encode("latin-1")} if header else {}
    )

    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_cdrs_are_csv_for_whoever_wants_that(rest):
    answer = rest("GET", "/cdrs", headers={"Accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("id,call,call_id,leg,direction,")


@pytest.mark.parametrize("accept", ["application/json", "text/csv;q=0, application/json", "text/csvx", "*/*"])
def test_cdrs_are_json_for_whoever_does_not_ask_for_csv(rest, accept):
    assert rest("GET", "/cdrs", headers={"Accept": accept}).headers["content-type"] == "application/json"


DIRECTIONS = ("in", "out", "callback", "transfer", "refused")


@pytest.fixture(scope="module")
def each_direction(rest):
    """A record of a call of each direction."""
    rows = [(direction, direction, time.time(), time.time()) for direction in DIRECTIONS]
    with closing(sqlite3.connect(rest.switch.data / "sipwright.db", timeout=60)) as connection, connection:
        connection.executemany(
            "INSERT INTO cdrs (call_id, leg, user_id, direction, started_at, ended_at, status)"
            " VALUES (?, 0, 1, ?, ?, ?, 486)", rows,
        )  # fmt: skip


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cdrs_of_each_direction_can_be_asked_for(rest, each_direction, direction):
    found = rest.get(f"/cdrs?direction={direction}")["items"]

    assert [(one["call_id"], one["direction"]) for one in found] == [(direction, direction)]


def test_keys_and_nodes_come_in_pages_too(rest):
    for name in "ab":
        made = rest("POST", "/me/keys", json={"public_key": public_key(), "name": name})
        assert made.status_code == 201, made.text
    first = rest.get("/me/keys?limit=1")
    second = rest.get(f"/me/keys?limit=1&cursor={first['next']}")

    assert [one["name"] for page in (first, second) for one in page["items"]] == ["a", "b"]
    assert second["next"] is None
    assert [one["node"] for one in rest.get("/nodes?limit=1")["items"]] == ["node1"]
    assert rest("GET", "/nodes?cursor=nix").status_code == 422


def public_key():
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def test_a_call_that_is_not_there_is_not_steered(rest):
    for path, body in (
        ("hangup", None),
        ("transfer", {"to": "bob"}),
        ("redirect", {"to": "bob"}),
        ("pickup", {"by": "bob"}),
    ):
        assert rest("POST", f"/calls/nix/{path}", json=body).status_code == 404
    assert rest("GET", "/calls/nix/trace").status_code == 404


def test_an_admin_sees_who_has_changed_what(rest):
    rest("PUT", "/store/audited", json={"value": 1})
    (entry, *_) = rest.get("/audit?limit=1")["items"]

    assert (entry["user"], entry["face"], entry["address"]) == ("root", "rest", "127.0.0.1")


def test_numbers_are_for_prometheus(rest):
    import httpx2

    text = httpx2.get(f"{rest.url}/metrics", timeout=60).text
    assert "\nsipwright_up 1.0\n" in text
    assert "\nsipwright_calls 0.0\n" in text


def test_a_database_that_is_locked_is_told_in_time_to_all_who_ask(rest):
    with closing(
        sqlite3.connect(rest.switch.data / "sipwright.db", timeout=60, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with fair_seconds() as taken, ThreadPoolExecutor(10) as threads:
            found = list(
                threads.map(lambda n: rest("PUT", f"/store/locked{n}", json={"value": n}), range(10))
            )
        connection.execute("ROLLBACK")

    assert {(answer.status_code, answer.headers["retry-after"]) for answer in found} == {(503, "2")}
    assert taken() < 7.0
    assert rest.get("/store?prefix=locked")["items"] == []
    assert rest("PUT", "/store/locked", json={"value": 1}).status_code == 200


def test_every_resource_says_what_it_is_about():
    assert all(resource.__doc__.startswith("`/") for resource in RESOURCES)


def test_a_call_that_was_held_back_is_confirmed_by_whose_it_is(rest):
    with sqlite3.connect(rest.switch.data / "sipwright.db", timeout=60) as connection:
        connection.execute(
            "INSERT INTO unusual_calls (user_id, account_id, place, number, why, code, times, at) VALUES "
            "((SELECT id FROM users WHERE name = 'alice'), 0, 'high-risk SO', '+2526', 'the first', '123456', 1, ?)",
            (time.time(),),
        )
    (shown,) = rest.get("/unusual-calls", who="alice")["items"]
    path = f"/unusual-calls/{shown['id']}"
    assert (shown["place"], shown["state"], shown["code"]) == ("numbers in SO", "held back", "123456")
    assert datetime.fromisoformat(shown["last_at"]).utcoffset().total_seconds() == 0

    assert rest("POST", f"{path}/confirm", who="eve").status_code == 404
    assert rest("POST", f"{path}/confirm", who="reader").status_code == 403
    assert rest("POST", f"{path}/confirm", who="alice").json()["confirmed_by"] == "alice"
    assert rest("POST", f"{path}/undo").json()["state"] == "held back"
    assert rest.get("/guard/alice")["reserved"] == "0.00"


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00Z", "2026-01-01", "7d", "12h"])
def test_a_time_is_written_as_such_or_as_how_long_ago_as_at_the_command_line(rest, since):
    replayed = rest("POST", "/dialplans/out/replay", json={"since": since})
    listed = rest("GET", f"/cdrs?from={since}")

    assert (replayed.status_code, listed.status_code) == (200, 200), replayed.text


@pytest.mark.parametrize("since", ["7", "d", "7 d", "-7d", "7w"])
def test_what_is_no_time_is_told_with_those_that_there_are(rest, since):
    refused = rest("POST", "/dialplans/out/replay", json={"since": since})

    assert refused.status_code == 422
    assert "write one such as 2026-11-29T08:00:00Z, a day, or 12h" in refused.json()["detail"]
