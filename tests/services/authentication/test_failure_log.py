import pytest
from structlog.dev import ConsoleRenderer
from structlog.testing import capture_logs


@pytest.fixture
def logs():
    with capture_logs() as lines:
        yield lines


def attempt(world, user="alice", flow=None, **options):
    credentials = world.authorization(user, **{"password": "guess", **options})
    return world.receive(world.text(f"Authorization: {credentials}", aor=f"{user}@example.org"), flow)


def test_a_wrong_password_leaves_a_line(world, at, logs):
    attempt(world, flow=at("192.0.2.7", 5060))

    assert logs == [
        {
            "log_level": "warning",
            "event": "authentication failed",
            "user": "alice@example.org",
            "source": "192.0.2.7:5060",
            "method": "REGISTER",
            "reason": "wrong password",
            "tries": 1,
            "suppressed": 0,
        }
    ]


def test_an_unknown_user_leaves_a_line(world, logs):
    attempt(world, "mallory")

    assert [(line["user"], line["reason"]) for line in logs] == [("mallory@example.org", "unknown user")]


def test_an_invite_leaves_a_line(world, logs):
    incoming = world.receive(world.text())
    incoming.responses.clear()
    incoming.request.method = "INVITE"
    incoming.request.headers.add("Authorization", world.authorization(method="INVITE", password="guess"))

    assert world.authenticator.authenticate(incoming, "example.org") is None
    assert [(line["method"], line["reason"]) for line in logs] == [("INVITE", "wrong password")]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"uri": "sip:elsewhere.example", "password": "secret"}, "made for another address"),
        ({"algorithm": "SHA-256", "password": "secret"}, "algorithm was not offered"),
    ],
)
def test_a_right_password_is_not_called_wrong(world, logs, options, reason):
    attempt(world, **options)

    assert [line["reason"] for line in logs] == [reason]


def test_what_every_phone_does_leaves_no_line(world, logs):
    """The first 401, a registration, a stale nonce, a replayed one, credentials for somebody else's realm."""
    world.receive(world.text())
    world.register("Contact: <sip:a@10.0.0.5>")
    stale = world.nonces.issue(world.unix_time() - 301)
    attempt(world, password="secret", nonce=stale)
    text = world.text(f"Authorization: {world.authorization()}", "Contact: <sip:a@10.0.0.5>")
    world.receive(text)
    world.receive(text.replace("10.0.0.5", "10.0.0.6"))
    elsewhere = world.authorization(domain="elsewhere.example", password="guess")
    world.receive(world.text(f"Authorization: {elsewhere}"))

    assert logs == []


def test_a_source_and_user_have_one_line_in_a_minute(world, at, logs):
    start = world.now
    for seconds, user, host in (
        (0, "alice", "192.0.2.7"),
        (1, "alice", "192.0.2.7"),
        (2, "mallory", "192.0.2.7"),
        (3, "alice", "192.0.2.8"),
        (58, "alice", "192.0.2.7"),
        (60, "alice", "192.0.2.7"),
    ):
        world.now = start + seconds
        attempt(world, user, at(host, 40_000 + seconds))

    assert [(line["user"].partition("@")[0], line["source"], line["suppressed"]) for line in logs] == [
        ("alice", "192.0.2.7:40000", 0),
        ("mallory", "192.0.2.7:40002", 1),
        ("alice", "192.0.2.8:40003", 0),
        ("alice", "192.0.2.7:40060", 1),
    ]


def test_a_line_says_how_many_tries_of_that_source_and_user_there_were(world, at, logs):
    start = world.now
    for seconds in (0, 1, 2, 61):
        world.now = start + seconds
        attempt(world, flow=at("192.0.2.7", 5060))
        attempt(world, "bob", flow=at("192.0.2.8", 5060))

    assert [(line["user"].partition("@")[0], line["tries"]) for line in logs] == [
        ("alice", 1), ("bob", 1), ("alice", 3), ("bob", 3)
    ]  # fmt: skip


@pytest.mark.parametrize("nonce", ["f" * 40, "x", "0" * 14 + "f" * 26])
def test_a_nonce_that_is_not_ours_leaves_no_line(world, logs, nonce):
    """Nobody gets another banned with a forged source and a made-up nonce."""
    attempt(world, nonce=nonce)
    old = world.nonces.issue(world.unix_time())
    world.now += 301
    attempt(world, nonce=old)

    assert logs == []


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "MESSAGE", "BYE"])
@pytest.mark.parametrize(("host", "protocol", "lines"), [
    ("192.0.2.7", "udp", 1), ("192.0.2.66", "udp", 0), ("192.0.2.66", "tcp", 1)
])  # fmt: skip
def test_a_source_that_may_be_forged_leaves_no_line(world, at, logs, method, host, protocol, lines):
    """The nonce was given to 192.0.2.7; a connection from elsewhere is one that somebody has really opened."""
    challenged = world.receive(world.text(), at("192.0.2.7", 5060)).response.headers.get("WWW-Authenticate")
    nonce = challenged.partition('nonce="')[2].partition('"')[0]
    incoming = world.receive(world.text(), at(host, 5060, protocol))
    incoming.responses.clear()
    incoming.has_transaction = False
    incoming.request.method = method
    credentials = world.authorization(method=method, password="guess", nonce=nonce)
    incoming.request.headers.add("Authorization", credentials)

    assert world.authenticator.authenticate(incoming, "example.org") is None
    assert [line["source"] for line in logs] == [f"{host}:5060"] * lines


def test_a_flood_from_everywhere_does_not_fill_the_log(world, at, logs):
    for number in range(200):
        attempt(world, f"user{number}", at(f"198.51.100.{number}", 5060))

    assert len(logs) == 10


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("a source=192.0.2.1:5060", "a%20source%3D192.0.2.1%3A5060@example.org"),
        ("\x1b[2Jaé", "%1B%5B2Ja%C3%A9@example.org"),
        ("x" * 500, "x" * 64 + "@example.org"),
    ],
)
def test_a_name_from_a_stranger_cannot_look_like_another_field(world, logs, user, shown):
    credentials = world.authorization(user, password="guess")
    world.receive(world.text(f"Authorization: {credentials}"))
    (line,) = logs
    written = ConsoleRenderer(colors=False)(None, "warning", dict(line))

    assert line["user"] == shown
    assert f" user={shown}" in written
    assert written.count(" source=") == 1
    assert "\n" not in written


def test_the_source_of_version_6_has_brackets(world, at, logs):
    attempt(world, flow=at("2001:db8::7", 5060))

    assert [line["source"] for line in logs] == ["[2001:db8::7]:5060"]
