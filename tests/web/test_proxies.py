"""Who has asked, when proxies stand between."""

from __future__ import annotations

import pytest

from sipwright.web.proxies import BehindProxies, Networks


async def seen(client, headers, *, trusted=("10.0.0.0/8",), prefix="", path="/x", kind="http"):
    found = {}

    async def app(scope, receive, send):
        found.update(scope)

    scope = {
        "type": kind,
        "scheme": "http" if kind == "http" else "ws",
        "client": (client, 999),
        "path": path,
        "raw_path": path.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    await BehindProxies(app, trusted, prefix)(scope, None, None)
    return found


async def test_a_stranger_is_not_believed_and_nothing_below_reads_what_he_has_said():
    lines = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=x"),
        ("accept", "*"),
    ]
    found = await seen("192.0.2.1", [*lines, ("x-forwarded-prefix", "/p")])

    assert (found["client"][0], found["scheme"], found["path"]) == ("192.0.2.1", "http", "/x")
    assert found["headers"] == [(b"accept", b"*")]


@pytest.mark.parametrize(
    ("said", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7, 10.0.0.9"], "198.51.100.7"),
        (["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["198.51.100.7:50000"], "198.51.100.7"),
        (["6.6.6.6, unknown"], "10.0.0.1"),
        ([""], "10.0.0.1"),
    ],
)
async def test_the_last_address_that_is_no_proxy_of_ours_has_asked(said, client):
    found = await seen("10.0.0.1", [("x-forwarded-for", one) for one in said])

    assert found["client"][0] == client


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_proxy_says_that_tls_ends_there(kind, scheme):
    found = await seen("10.0.0.1", [("x-forwarded-proto", "https")], kind=kind)

    assert found["scheme"] == scheme


@pytest.mark.parametrize("path", ["/api/v1/me", "/pbx/api/v1/me"])
@pytest.mark.parametrize(("prefix", "headers"), [("/pbx", []), ("", [("x-forwarded-prefix", "/pbx/")])])
async def test_below_a_prefix_whether_the_proxy_leaves_it_on_or_not(path, prefix, headers):
    found = await seen("10.0.0.1", headers, prefix=prefix, path=path)

    assert (found["root_path"], found["path"]) == ("/pbx", "/pbx/api/v1/me")
    assert found["raw_path"] == b"/pbx/api/v1/me"


@pytest.mark.parametrize("prefix", ["//evil.example", "javascript:x", "evil"])
async def test_a_prefix_is_a_path(prefix):
    found = await seen("10.0.0.1", [("x-forwarded-prefix", prefix)])

    assert (found.get("root_path", ""), found["path"]) == ("", "/x")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.9.9.9", True),
        ("::ffff:10.1.1.1", True),
        ("11.0.0.1", False),
        ("testclient", False),
        (None, False),
    ],
)
def test_an_address_is_in_a_network(address, inside):
    assert (address in Networks(["10.0.0.0/8"])) is inside
