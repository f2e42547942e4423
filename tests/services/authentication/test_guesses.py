import pytest

from services.registering import RecordedIncoming
from sipwright.services.authentication.guesses import FORGIVEN_AFTER, Tally


@pytest.fixture
def try_it(world, at):
    """Sends a REGISTER with a password and says whether it was accepted."""

    def send(password, user="alice", host="192.0.2.7", port=5060, **options):
        credentials = world.authorization(user, password=password, **options)
        text = world.text(f"Authorization: {credentials}", f"Contact: <sip:{user}@10.0.0.5:{port}>",
                          aor=f"{user}@example.org")  # fmt: skip
        return world.receive(text, at(host, port)).response.status == 200

    return send


def test_after_five_failures_of_a_source_nothing_is_checked_for_a_minute(world, try_it):
    start = world.now
    for user in ("alice", "bob", "alice", "bob", "alice"):
        assert not try_it("guess", user)

    assert not try_it("secret", "bob")
    assert try_it("secret", "bob", host="192.0.2.8")
    world.now = start + 59.9
    assert not try_it("secret", "alice")
    world.now = start + 60.1
    assert try_it("secret", "alice")


def test_after_five_failures_for_a_user_nothing_of_it_is_checked_from_anywhere(world, try_it):
    for number in range(5):
        assert not try_it("guess", host=f"198.51.100.{number}")

    assert not try_it("secret", host="203.0.113.77")
    assert try_it("secret", "bob", host="203.0.113.77")


def test_an_address_of_version_6_is_its_network(try_it):
    for number in range(5):
        assert not try_it("guess", ("alice", "bob")[number % 2], host=f"2001:db8:0:1::{number}")

    assert not try_it("secret", host="2001:db8:0:1:ffff::9")
    assert try_it("secret", host="2001:db8:0:2::9")


def test_a_registered_phone_still_passes_over_its_own_flow(world, try_it):
    assert try_it("secret", host="192.0.2.50", port=5062)
    for number in range(20):
        assert not try_it("guess", host="192.0.2.50", port=40_000 + number)

    assert try_it("secret", host="192.0.2.50", port=5062)
    assert not try_it("secret", host="192.0.2.50", port=5064)


def test_a_registered_phone_still_passes_from_its_own_address(world, try_it):
    """From another port, as a TCP phone does that connects anew, while others fail at the same address."""
    assert try_it("secret", host="192.0.2.50", port=5062)
    for number in range(20):
        assert not try_it("guess", "bob", host="192.0.2.50", port=40_000 + number)

    assert try_it("secret", host="192.0.2.50", port=5099)


def guessed(try_it, number=5, first=0):
    """Let strangers guess the password of alice, each from another address."""
    for each in range(first, first + number):
        assert not try_it("guess", host=f"198.51.100.{each}")


def test_who_guesses_from_many_addresses_keeps_no_phone_out_that_registers_anew(world, try_it):
    """Its binding is gone, as after a night without power, and its port is another one."""
    assert try_it("secret", host="192.0.2.50", port=5062)
    world.locations.put(1, [])
    guessed(try_it)

    assert try_it("secret", host="192.0.2.50", port=5064)
    assert not try_it("secret", host="203.0.113.77")


def test_who_only_calls_is_known_where_it_has_called_from(world, at):
    """A telephone system that never registers is no more kept out than one that does."""
    authenticator, home = world.authenticator, at("192.0.2.50", 5060)
    account = world.directory.account("alice", "example.org")
    incoming = world.receive(world.text(f"Authorization: {world.authorization()}"), home)
    assert incoming.response.status == 200
    for number in range(5):
        authenticator.guesses.failed(
            RecordedIncoming(incoming.request, at(f"198.51.100.{number}", 5060), world.now), account
        )
    nonce = world.nonces.issue(world.unix_time(), "192.0.2.50")

    def is_checked(host, nonce):
        return authenticator.guesses.are_checked(
            RecordedIncoming(incoming.request, at(host, 5070), world.now), account, nonce
        )

    assert is_checked("192.0.2.50", nonce)
    assert not is_checked("203.0.113.7", nonce)


def test_a_phones_address_that_is_only_said_to_be_one_lets_nobody_guess(world, try_it):
    """Whoever writes that into a datagram gets no answer, but would be registered, had the guess been right."""
    assert try_it("secret", host="192.0.2.50", port=5062)
    guessed(try_it)
    forged = world.nonces.issue(world.unix_time(), "198.51.100.1")

    assert not try_it("secret", host="192.0.2.50", port=5062, nonce=forged)
    assert not try_it("secret", host="192.0.2.50", port=5064, nonce=forged)


def test_a_phone_that_has_moved_is_asked_once_more_and_not_told_that_it_is_wrong(world, at, try_it):
    """Its nonce is that of another address; with one of its own it shows that it is there."""
    assert try_it("secret", host="192.0.2.50", port=5062)
    guessed(try_it)
    credentials = world.authorization(nonce=world.nonces.issue(world.unix_time(), "203.0.113.9"))
    asked = world.receive(world.text(f"Authorization: {credentials}"), at("192.0.2.50", 5062)).response

    assert (asked.status, "stale=true" in asked.headers.get("WWW-Authenticate")) == (401, True)


def test_who_is_there_is_remembered_of_so_many_alone(world, try_it, monkeypatch):
    monkeypatch.setattr("sipwright.services.authentication.guesses.MOST_PROVEN", 1)
    assert try_it("secret", host="192.0.2.50")
    assert try_it("secret", "bob", host="192.0.2.51")
    world.locations.put(1, [])
    guessed(try_it)

    assert not try_it("secret", host="192.0.2.50", port=5064)


def test_an_account_is_kept_out_until_somebody_unlocks_it(world, try_it):
    """A phone with an old password keeps its account out, and its address; another account's failure stays one."""
    start = world.now
    for _ in range(5):
        assert not try_it("old", host="192.0.2.50")
    for _ in range(5):
        assert not try_it("guess", "bob", host="192.0.2.60")
    guesses = world.authenticator.guesses

    assert [(one.account_id, one.sources, one.until) for one in guesses.locked(world.now)] == [
        (2, ("192.0.2.60",), start + 60.0), (1, ("192.0.2.50",), start + 60.0),
    ]  # fmt: skip
    assert not try_it("secret", host="192.0.2.50")
    guesses.unlocked(1, 1)
    assert try_it("secret", host="192.0.2.50")
    assert not try_it("secret", "bob", host="192.0.2.60")
    assert [one.account_id for one in guesses.locked(world.now)] == [2]


def test_an_address_where_others_fail_too_is_not_unlocked_with_an_account(world, try_it):
    for user in ("alice", "bob", "alice", "bob", "alice"):
        assert not try_it("guess", user)
    world.authenticator.guesses.unlocked(1, 1)

    assert not try_it("secret", "bob")
    assert try_it("secret", "bob", host="203.0.113.77")


def test_one_phone_with_an_old_password_keeps_no_other_of_its_office_out(world, try_it):
    """After a night without power none of them is registered, and all are behind one address."""
    for number in range(40):
        assert not try_it("old", "alice", host="192.0.2.50", port=40_000 + number)

    assert not try_it("secret", "alice", host="192.0.2.50")
    assert try_it("secret", "bob", host="192.0.2.50")


def test_who_tries_one_after_the_other_gets_no_further(world, try_it, monkeypatch):
    """As many that have failed as begin a pause, here one, are too many to let any other be looked at."""
    monkeypatch.setattr("sipwright.services.authentication.guesses.MOST_FAILURES", 1)
    assert not try_it("guess", "alice", host="192.0.2.50")

    assert not try_it("secret", "bob", host="192.0.2.50")
    world.now += FORGIVEN_AFTER + 1
    assert try_it("secret", "bob", host="192.0.2.50")


def test_a_name_that_nobody_has_counts_for_nothing(world, try_it):
    """Its password cannot be guessed, and it may be the name of an account that is just being added."""
    for _ in range(20):
        assert not try_it("guess", "mallory")

    assert try_it("secret", "alice")


def test_a_nonce_dies_of_its_second_wrong_answer(world, try_it):
    nonce = world.nonces.issue(world.unix_time())

    assert not try_it("guess", nonce=nonce)
    assert try_it("secret", nonce=nonce)
    assert not try_it("guess", nonce=nonce, nc=2)
    assert not try_it("secret", nonce=nonce, nc=3)
    assert try_it("secret")


def test_a_dead_nonce_tells_nobody_that_a_password_was_right(world, at):
    nonce = world.nonces.issue(world.unix_time())
    answers = []
    for password in ("a", "b", "c", "secret"):
        credentials = world.authorization(password=password, nonce=nonce)
        response = world.receive(world.text(f"Authorization: {credentials}")).response
        answers.append((response.status, "stale" in response.headers.get("WWW-Authenticate")))

    assert answers == [(401, False)] * 4


def test_a_stale_nonce_is_no_failure(world, try_it):
    nonce = world.nonces.issue(world.unix_time())
    world.now += 301
    for _ in range(10):
        assert not try_it("secret", nonce=nonce)

    assert try_it("secret")


@pytest.mark.parametrize("nonce", ["x", "f" * 40])
def test_a_nonce_that_is_made_up_tells_nobody_that_a_password_was_right(world, nonce):
    answers = set()
    for password in ("guess", "secret"):
        credentials = world.authorization(password=password, nonce=nonce)
        response = world.receive(world.text(f"Authorization: {credentials}")).response
        answers.add((response.status, "stale" in response.headers.get("WWW-Authenticate")))

    assert answers == {(401, True)}


def test_guesses_with_a_nonce_that_has_expired_count(world, try_it):
    for number in range(5):
        old = world.nonces.issue(world.unix_time() - 400 + number)
        assert not try_it("guess", nonce=old)

    assert not try_it("secret")


def test_a_forged_source_costs_whoever_is_there_nothing(world, try_it):
    for _ in range(20):
        assert not try_it(
            "guess", host="192.0.2.7", nonce=world.nonces.issue(world.unix_time(), "198.51.100.1")
        )

    assert try_it("secret", "bob", host="192.0.2.7")


def test_pauses_double_up_to_a_ceiling_and_are_forgiven():
    tally, now, pauses = Tally(), 0.0, []
    for _ in range(6):
        for _ in range(5):
            tally.failed("a", now)
        begun = now
        while tally.is_paused("a", now):
            now += 1.0
        pauses.append(now - begun)
    now += 961
    for _ in range(5):
        tally.failed("a", now)

    assert pauses == [60, 120, 240, 480, 960, 960]
    assert tally.is_paused("a", now + 59)
    assert not tally.is_paused("a", now + 60)


def test_slow_failures_are_never_paused():
    tally = Tally()
    for minute in range(100):
        for second in (0, 16, 32, 48):
            tally.failed("a", minute * 61.0 + second)
            assert not tally.is_paused("a", minute * 61.0 + second)


def test_the_tables_are_bounded_and_forget_the_oldest():
    tally = Tally(capacity=3)
    for key in "abababababcd":
        tally.failed(key, 0.0)

    assert len(tally) == 3
    assert not tally.is_paused("a", 0.0)
    assert tally.is_paused("b", 0.0)
