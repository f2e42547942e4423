"""How operations are asked: what is mistyped is told, conditions hold, and nothing that was said is passed over."""

from __future__ import annotations

import httpx2
import pytest

from sipwright.web.app import API

SCRIPT = {"source": 'respond(480, "Nobody")\n'}


def said(answer: httpx2.Response) -> tuple[int, str | None, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["field"], error["message"]


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("/cdrs?acount=bob", "acount", "there is no such parameter; did you mean 'account'?"),
        ("/cdrs?Status=486", "Status", "there is no such parameter; did you mean 'status'?"),
        ("/accounts?limits=1", "limits", "there is no such parameter; did you mean 'limit'?"),
        ("/me?verbose=yes", "verbose", "there is no such parameter; there is none"),
        ("/status?verbose=yes", "verbose", "there is no such parameter; there is none"),
        ("/nodes?x", "x", "there is no such parameter; there are cursor, limit"),
        ("/accounts?limit=1&limit=2", "limit", "it is there more than once, and only one can be meant"),
        ("/accounts?q=%00", "q", "there is no text with NUL in it"),
        ("/events?typ=audit", "typ", "there is no such parameter; did you mean 'types'?"),
    ],
)
def test_a_mistyped_parameter_is_told_and_no_list_of_everything_given(rest, path, field, message):
    assert said(rest("GET", path)) == (422, field, message)


def test_a_parameter_of_a_change_is_looked_at_too(rest):
    refused = rest("DELETE", "/accounts/bob?forse=true")

    assert said(refused) == (422, "forse", "there is no such parameter; did you mean 'force'?")
    assert rest("GET", "/accounts/bob").status_code == 200


def test_who_has_not_said_who_they_are_is_told_that_first(rest):
    for answer in (
        rest("GET", "/cdrs?acount=bob", who=""),
        rest("POST", "/accounts", who="", content=b"{"),
        rest("POST", "/accounts", who="", content=b"x", headers={"Content-Type": "text/plain"}),
        rest("DELETE", "/me/tokens/x", who="", headers={"If-Match": '"x"'}),
    ):
        assert answer.status_code == 401, answer.text


def test_a_type_that_may_come_more_than_once_may(rest):
    with httpx2.stream(
        "GET", f"{rest.url}{API}/events?types=audit&types=call.started,call.ended",
        headers={"Authorization": f"Bearer {rest.tokens['root']}"}, timeout=60,
    ) as answer:  # fmt: skip
        assert answer.status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_said_to_be_no_json_is_not_read(rest, kind):
    headers = {"Content-Type": kind} if kind else {}
    refused = rest("POST", "/accounts", content=b'{"name": "z", "password": "z"}', headers=headers)

    assert (refused.status_code, refused.headers["accept"]) == (415, "application/json")
    assert refused.headers["content-type"] == "application/problem+json"
    assert rest("GET", "/accounts/z").status_code == 404


def test_a_name_that_is_there_twice_is_told(rest):
    body = b'{"name": "z", "password": "one", "password": "two"}'
    refused = rest("POST", "/accounts", content=body, headers={"Content-Type": "application/json"})

    assert said(refused) == (422, "password", "it is there more than once, and only one can be meant")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/accounts",
            {"name": "z", "password": "z", "pasword": "z"},
            "there is no such field; did you mean 'password'?",
        ),
        ("/calls", {"from": "a", "to": "b", "form": "c"}, "there is no such field; did you mean 'from'?"),
        (
            "/calls",
            {"from": "a", "to": "b", "xyz": 1},
            "there is no such field; /api/v1/docs has those that there are",
        ),
        ("/dialplans/out/rollback", {"versoin": 1}, "there is no such field; did you mean 'version'?"),
    ],
)
def test_a_mistyped_field_is_told_with_the_one_that_is_nearest(rest, path, body, message):
    assert said(rest("POST", path, json=body))[::2] == (422, message)


@pytest.mark.parametrize("body", [b'{"reason": "busy"}', b"busy", b"[]"])
def test_where_no_body_is_read_none_is_passed_over(rest, body):
    refused = rest("POST", "/calls/nix/hangup", content=body, headers={"Content-Type": "application/json"})

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body")


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b" {}\n"])
def test_a_body_that_says_nothing_is_none(rest, body):
    assert rest("POST", "/calls/nix/hangup", content=body).status_code == 404


def test_an_answer_without_a_body_describes_none(rest):
    rest("PUT", "/store/gone", json={"value": 1})
    answer = rest("DELETE", "/store/gone")

    assert answer.status_code == 204
    assert {"content-type", "content-length"} & set(answer.headers) == set()


# Conditions (RFC 9110 §13).


@pytest.mark.parametrize(
    ("path", "body"), [("/dialplans/once", SCRIPT), ("/store/once", {"value": {"a": 1}})]
)
def test_what_must_not_be_there_yet_is_made_once(rest, path, body):
    nothing = {"If-None-Match": "*"}
    made, again = (rest("PUT", path, json=body, headers=nothing) for _ in range(2))

    assert (made.status_code, again.status_code, again.json()["title"]) == (200, 409, "Conflict")
    assert "is there already" in again.json()["detail"]
    etag = made.headers["etag"]
    assert rest("PUT", path, json=body, headers={"If-None-Match": f'"x", W/{etag}'}).status_code == 409
    assert rest("PUT", path, json=body, headers={"If-None-Match": '"x"'}).status_code == 200
    assert rest("DELETE", path, headers={"If-Match": etag}).status_code == 204


def test_a_tag_is_one_of_a_list_strong_and_whole(rest):
    etag = rest("PUT", "/store/tagged", json={"value": 1}).headers["etag"]
    wrong = (f"W/{etag}", '"x"', "", etag[:-2] + '"', f"{etag[:-1]},", '"x", "y"')
    right = ("*", etag, f'"x", {etag}', f'"a, b",{etag}', f'W/"x" , {etag}', etag.strip('"'))

    for condition in wrong:
        refused = rest("PUT", "/store/tagged", json={"value": 1}, headers={"If-Match": condition})
        assert (refused.status_code, refused.headers["etag"]) == (409, etag), condition
    for condition in right:
        done = rest("PUT", "/store/tagged", json={"value": 1}, headers={"If-Match": condition})
        assert done.status_code == 200, condition


def test_all_lines_of_a_condition_count(rest):
    etag = rest("PUT", "/store/lines", json={"value": 1}).headers["etag"]
    lines = [("Authorization", f"Bearer {rest.tokens['root']}"), ("If-Match", '"x"'), ("If-Match", etag)]
    answer = httpx2.put(f"{rest.url}{API}/store/lines", json={"value": 2}, headers=lines, timeout=60)

    assert answer.status_code == 200, answer.text


def test_what_is_not_there_matches_nothing(rest):
    for path, body in (("/dialplans/nowhere", SCRIPT), ("/store/nowhere", {"value": 1})):
        assert rest("PUT", path, json=body, headers={"If-Match": "*"}).status_code == 409
        assert rest("GET", path).status_code == 404


TAGGED = ("/accounts/bob", "/users/alice", "/domains/sip.test", "/dialplans/out", "/store/known")


@pytest.mark.parametrize("path", [*TAGGED, "/providers/alice-trunk?user=alice"])
def test_what_the_client_has_already_is_not_sent_again(rest, path):
    rest("PUT", "/store/known", json={"value": 1})
    etag = rest("GET", path).headers["etag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = rest("GET", path, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        assert rest("HEAD", path, headers={"If-None-Match": known}).status_code == 304

    assert rest("GET", path, headers={"If-None-Match": '"x"'}).status_code == 200
    assert rest("GET", path, headers={"If-Match": etag}).status_code == 200
    refused = rest("GET", path, headers={"If-Match": '"x"'})
    assert (refused.status_code, refused.headers["etag"]) == (409, etag)


@pytest.mark.parametrize(
    ("method", "path", "body", "name"),
    [
        ("DELETE", "/bindings/1", None, "If-Match"),
        ("PUT", "/accounts/bob/messages", {"new": 1}, "If-Match"),
        ("POST", "/accounts", {"name": "conditional", "password": "x"}, "If-None-Match"),
        ("PATCH", "/accounts/bob", {"most_calls": 3}, "If-None-Match"),
        ("PUT", "/users/alice/password", {"password": "another secret"}, "If-Match"),
        ("POST", "/calls/nix/hangup", None, "If-Match"),
    ],
)
def test_a_condition_that_nobody_looks_at_is_refused(rest, method, path, body, name):
    refused = rest(method, path, json=body, headers={name: '"0123"'})

    assert said(refused)[:2] == (422, name)


def test_a_condition_holds_wherever_there_is_an_etag(rest):
    wrong = {"If-Match": '"0123"'}
    rest("PUT", "/dialplans/held", json=SCRIPT)
    rest("PUT", "/dialplans/held", json={"source": "respond(404)\n"})
    for method, path, body in (
        ("PUT", "/accounts/bob/watched_by", {"watched_by": {}}),
        ("PUT", "/accounts/bob/members", {"members": []}),
        ("PATCH", "/accounts/bob", {"most_calls": 3}),
        ("DELETE", "/accounts/bob", None),
        ("PATCH", "/users/alice", {"timezone": "UTC"}),
        ("DELETE", "/users/alice", None),
        ("PATCH", "/domains/sip.test", {"default": True}),
        ("DELETE", "/domains/sip.test", None),
        ("PATCH", "/providers/alice-trunk?user=alice", {"realm": "x"}),
        ("DELETE", "/providers/alice-trunk?user=alice", None),
        ("POST", "/dialplans/held/rollback", None),
        ("DELETE", "/dialplans/held", None),
    ):
        refused = rest(method, path, json=body, headers=wrong)
        assert (refused.status_code, "etag" in refused.headers) == (409, True), (method, path, refused.text)
    assert rest("DELETE", "/dialplans/held").status_code == 204


# Methods and paths.


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/accounts", "GET, HEAD, OPTIONS, POST"),
        ("/accounts/bob", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/store/a/b", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/calls/x/hangup", "OPTIONS, POST"),
    ],
)
def test_what_can_be_asked_is_told(rest, path, allowed):
    asked = rest("OPTIONS", path)
    refused = rest("TRACE", path)

    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allowed, b"")
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


def test_a_head_is_a_get_without_its_body(rest):
    got, head = (rest(method, "/accounts/bob") for method in ("GET", "HEAD"))

    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert head.headers["content-length"] == str(len(got.content))


def test_a_slash_at_the_end_is_told(rest):
    assert "leave out the slash at the end" in rest("GET", "/accounts/").json()["detail"]
    assert rest("GET", "/accounts/bob/").status_code == 404
    assert rest("OPTIONS", "/nothing").status_code == 404


def test_a_name_is_the_same_however_it_is_escaped(rest):
    etags = {rest("GET", f"/accounts/{name}").headers["etag"] for name in ("bob", "%62ob", "bob%40sip.test")}

    assert len(etags) == 1


@pytest.mark.parametrize("path", ["/accounts/%00", "/accounts/%ff", "/accounts/a%2Fb", "/accounts/%ed%a0%80",
                                  "/accounts/" + "x" * 5_000, "/dialplans/%00", "/calls/%00", "/bindings/%00",
                                  "/users/%00", "/providers/%00", "/domains/%00", "/nodes/%00", "/bans/%00",
                                  "/calls/%00/trace", "/guard/%00"])  # fmt: skip
def test_a_name_that_nothing_can_have_is_not_there(rest, path):
    is_checked = path.startswith(("/domains", "/bans"))  # such names have a form

    assert rest("GET", path).status_code == (422 if is_checked else 404)


# Pages of lists.

LISTS = ("/accounts", "/bindings", "/providers", "/dialplans", "/calls", "/cdrs", "/store", "/users", "/domains",
         "/nodes", "/audit", "/bans", "/me/tokens", "/me/sessions", "/me/keys", "/dialplans/out/versions",
         "/dialplans/out/runs", "/guard", "/unusual-calls")  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "-1", "1000000000", "a", "1.5", "", "%20", "1e3", "9" * 5_000])
def test_a_limit_that_is_none_is_told(rest, path, limit):
    assert said(rest("GET", f"{path}?limit={limit}"))[:2] == (422, "limit")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "W10",
        "bnVsbA",
        "WzFlOTk5LCAxXQ",
        "W251bGxd",
        "WyJcXHVkODAwIiwgMV0",
        "x" * 400,
        "1" * 501,
        "%C3%A4",
    ],
)
def test_a_cursor_that_is_none_is_told(rest, path, cursor):
    assert said(rest("GET", f"{path}?cursor={cursor}"))[:2] == (422, "cursor")
