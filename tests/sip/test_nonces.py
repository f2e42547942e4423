"""Nonces that were issued, used, repeated, replayed and forgotten."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright import native
from sipwright.sip.nonces import NonceKeeper, Verdict

NOW = 1_763_640_000.0
STAMP = "06450dd3a1f2b1"

needs_native = pytest.mark.skipif(
    native.sign_nonce is None, reason="the native part is not built: make clean run, where there is cargo"
)


def keeper(**options):
    return NonceKeeper(b"a secret that every node shares", **options)


def check(nonces, nonce, nc, now, response=""):
    """Judge a nonce as it is done for requests; None is for one that we have not issued."""
    return nonces.use(nonce, nc, now, response) if nonces.issuer_of(nonce) is not None else None


def test_a_nonce_is_good_until_its_lifetime_ends():
    nonces = keeper(lifetime=300.0)
    nonce = nonces.issue(NOW)

    assert check(nonces, nonce, 1, NOW) == Verdict.OK
    assert check(nonces, nonce, 2, NOW + 300) == Verdict.OK
    assert check(nonces, nonce, 3, NOW + 300.1) == Verdict.STALE


def test_a_nonce_from_the_far_future_is_stale():
    nonces = keeper()

    assert check(nonces, nonces.issue(NOW + 301), 1, NOW) == Verdict.STALE
    assert check(nonces, nonces.issue(NOW + 302), 1, NOW + 3) == Verdict.OK


def test_a_nonce_survives_a_restart_with_the_same_secret():
    nonce = keeper().issue(NOW)

    assert check(keeper(), nonce, 1, NOW) == Verdict.OK
    assert check(NonceKeeper(b"another"), nonce, 1, NOW) is None


def test_of_several_nodes_each_knows_its_own_nonces():
    secret = b"a secret that every node shares"
    north = NonceKeeper(secret, issuer="north", others=lambda: ["south"])
    south = NonceKeeper(secret, issuer="south", others=lambda: ["north"])
    nonce = north.issue(NOW, "192.0.2.1")

    assert (north.issuer_of(nonce), south.issuer_of(nonce), keeper().issuer_of(nonce)) == (
        "north",
        "north",
        None,
    )
    assert south.is_of(nonce, "192.0.2.1")
    assert check(south, nonce, 1, NOW) == Verdict.OK
    assert (south.age(nonce, NOW + 3), south.age(nonce, NOW - 1)) == (3.0, -1.0)


def test_what_an_earlier_version_has_issued_is_of_nobody_in_particular():
    nonce = keeper().issue(NOW, "192.0.2.1")

    assert (keeper().issuer_of(nonce), keeper(issuer="north").issuer_of(nonce)) == ("", "")
    assert keeper(issuer="north").issuer_of("x" * 40) is None


@given(st.binary(min_size=1, max_size=100))
def test_a_nonce_is_its_time_and_a_keyed_hash_of_it(secret):
    """RFC 7693 §2.9, with secrets of any length."""
    nonce = NonceKeeper(secret).issue(NOW)
    key = hashlib.sha256(secret).digest()

    assert int(nonce[:14], 16) == NOW * 1e6
    assert nonce[14:] == hashlib.blake2s(nonce[:14].encode(), key=key, digest_size=13).hexdigest()


def test_a_nonce_is_known_as_that_of_whom_it_was_given_to():
    """A right answer is taken from anybody (RFC 7616 §3.3); whose a wrong one is depends on it."""
    nonces = keeper()
    nonce, other = nonces.issue(NOW, "192.0.2.1"), nonces.issue(NOW)

    assert nonces.is_of(nonce, "192.0.2.1")
    assert not nonces.is_of(nonce, "192.0.2.10")
    assert nonces.is_of(other, "192.0.2.1")
    assert check(nonces, nonce, 1, NOW) == Verdict.OK
    assert check(nonces, other[:30] + nonce[30:], 1, NOW) is None
    assert not nonces.is_of(nonce[:30] + other[30:], "192.0.2.1")
    strange = ("", "x" * 40, "ü" * 40, nonce[:39], nonce + "0", "1" + nonce[1:])
    assert set(map(nonces.issuer_of, strange)) == {None}


def test_a_nonce_wears_whoever_is_written_behind_it():
    nonces = keeper()
    nonce = nonces.issue(NOW, "192.0.2.1")
    nonces.wear(nonce)
    nonces.wear(nonce[:30] + "0" * 10)

    assert nonces.is_worn(nonce)


def test_the_nonce_count_must_rise():
    nonces = keeper()
    nonce = nonces.issue(NOW)
    verdicts = [check(nonces, nonce, count, NOW) for count in (1, 1, 2, 5, 4, 0, 6)]

    assert [verdict.value for verdict in verdicts] == [
        "ok",
        "replayed",
        "ok",
        "ok",
        "replayed",
        "replayed",
        "ok",
    ]


def test_the_last_answer_is_known_when_it_is_repeated():
    """The same nonce-count with another answer is a replay, and so is every answer but the last."""
    nonces = keeper()
    nonce = nonces.issue(NOW)
    first, second = "0123456789abcdef" * 2, "f" * 64
    verdicts = [
        check(nonces, nonce, count, NOW, response)
        for count, response in (
            (1, first),
            (1, first),
            (1, second),
            (2, second),
            (1, first),
            (2, second),
            (2, ""),
        )
    ]

    assert [verdict.value for verdict in verdicts] == [
        "ok",
        "repeated",
        "replayed",
        "ok",
        "replayed",
        "repeated",
        "replayed",
    ]
    assert check(nonces, nonce, 2, NOW + 301, second) == Verdict.STALE


def test_without_a_qop_a_nonce_is_good_once():
    nonces = keeper()
    nonce = nonces.issue(NOW)

    assert check(nonces, nonce, None, NOW) == Verdict.OK
    assert check(nonces, nonce, None, NOW) == Verdict.REPLAYED


def test_nonces_of_one_instant_differ():
    nonces = keeper()

    assert len({nonces.issue(NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["", "x" * 40, "0" * 40, "ü" * 40, "0" * 41, "\udcff" * 40])
def test_what_we_did_not_issue_is_forged(text):
    assert check(keeper(), text, 1, NOW) is None


@given(position=st.integers(0, 39), character=st.characters(codec="ascii"))
def test_a_nonce_with_one_changed_character_is_forged(position, character):
    nonces = keeper()
    nonce = nonces.issue(NOW)
    changed = nonce[:position] + character + nonce[position + 1 :]

    assert changed == nonce or check(nonces, changed, 1, NOW) is None


def test_used_nonces_are_forgotten_after_their_lifetime():
    nonces = keeper(lifetime=300.0)
    for second in range(0, 3000, 10):
        assert check(nonces, nonces.issue(NOW + second), 1, NOW + second) == Verdict.OK
        assert len(nonces) <= 62


def test_a_full_table_forgets_the_oldest_and_still_refuses_replays():
    nonces = keeper(capacity=20)
    issued = [nonces.issue(NOW + i) for i in range(100)]
    for nonce in issued:
        assert check(nonces, nonce, 1, NOW + 100) == Verdict.OK

    assert len(nonces) <= 20
    assert {check(nonces, nonce, 1, NOW + 100) for nonce in issued} == {Verdict.STALE, Verdict.REPLAYED}


def test_a_nonce_of_the_older_generation_still_counts():
    nonces = keeper(capacity=4)
    first, second, third = (nonces.issue(NOW + i) for i in range(3))
    for nonce in (first, second, third):
        check(nonces, nonce, 7, NOW + 3)

    assert check(nonces, first, 7, NOW + 3) == Verdict.REPLAYED
    assert check(nonces, first, 8, NOW + 3) == Verdict.OK


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.floats(0, 40)), min_size=1, max_size=60))
def test_nothing_is_ever_accepted_twice(uses):
    nonces = keeper(lifetime=100.0, capacity=4)
    issued = [nonces.issue(NOW) for _ in range(10)]
    now, accepted = NOW, []
    for which, count, later in uses:
        now += later
        if check(nonces, issued[which], count, now) == Verdict.OK:
            accepted.append((which, count))

    assert len(accepted) == len(set(accepted))
    assert len(nonces) <= 4


LONG = "a node whose name is too long for one block of it"


@needs_native
@pytest.mark.parametrize("name", ["", "a", "a-node-of-some-length", LONG])
@pytest.mark.parametrize("holder", ["203.0.113.9", "2001:db8::9", "fe80::1%eth0", "ü" * 40])
def test_a_nonce_is_the_same_whether_it_was_signed_natively_or_not(monkeypatch, name, holder):
    def judged():
        nonces = keeper(issuer=name)
        is_of = [nonces.is_of(issued, one) for one in (holder, "203.0.113.10")]
        return [
            nonces.issuer_of(issued),
            *(nonces.issuer_of(changed(issued, at)) for at in (0, 14, 29)),
            *is_of,
        ]

    issued = keeper(issuer=name).issue(NOW, holder)
    assert judged() == [name, None, None, None, True, False]

    monkeypatch.setattr(native, "sign_nonce", None)
    monkeypatch.setattr(native, "is_nonce", None)
    assert keeper(issuer=name).issue(NOW, holder) == issued
    assert judged() == [name, None, None, None, True, False]


def changed(nonce, at):
    """Return a nonce with another digit at one place."""
    return nonce[:at] + ("1" if nonce[at] == "0" else "0") + nonce[at + 1 :]


@needs_native
@given(key=st.binary(min_size=1, max_size=32), text=st.text(max_size=60), holder=st.text(max_size=60))
def test_the_native_signature_is_that_of_hashlib_or_none(key, text, holder):
    def sign(text):
        return hashlib.blake2s(text.encode(), key=key, digest_size=13).hexdigest()

    expected = STAMP + sign(f"{STAMP}{text}")[:16] + sign(f"{STAMP} {holder}")[:10]
    is_long = len(f"{STAMP}{text}".encode()) > 64
    is_any_long = is_long or len(f"{STAMP} {holder}".encode()) > 64
    assert native.sign_nonce(key, STAMP, text, holder) == (None if is_any_long else expected)
    assert native.is_nonce(key, expected, text) is (None if is_long else True)
    assert native.is_nonce(key, changed(expected, 29), text) is (None if is_long else False)
    assert native.is_nonce(key, expected[1:], text) is None


def test_of_one_from_before_this_process_it_is_never_known_whether_it_was_used():
    earlier = keeper()
    before, after = earlier.issue(NOW), earlier.issue(NOW + 1.0)
    later = keeper()
    later.begin(NOW + 0.5)

    assert [check(later, nonce, 1, NOW + 2.0) for nonce in (before, before, after)] == [
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Verdict.OK,
    ]
    assert check(later, before, 1, NOW + 300.1) is Verdict.STALE
