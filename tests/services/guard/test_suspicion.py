"""What strangers do, added up."""

from sipwright.services.guard.suspicion import ENOUGH, FORGIVEN_WITHIN, SEVERAL, Deed, Suspicions


def tried(suspicions, host, deed, number, now=0.0):
    """Do something so often; return what it has led to."""
    found = [suspicions.add(host, deed, now) for _ in range(number)]
    return [each and each.text for each in found]


def test_a_scanner_is_banned_at_once():
    assert tried(Suspicions(), "192.0.2.1", Deed.SCANNER, 1) == ["a scanner"]


def test_wrong_passwords_are_forgiven_until_there_are_thirty():
    verdicts = tried(Suspicions(), "192.0.2.1", Deed.LOG_IN, 30)

    assert verdicts[:-1] == [None] * 29
    assert verdicts[-1] == "30 times, wrong passwords at last"


def test_what_was_done_is_forgiven_in_time():
    suspicions = Suspicions()
    slow = [suspicions.add("192.0.2.1", Deed.LOG_IN, 25.0 * number) for number in range(200)]

    assert slow == [None] * 200
    assert tried(suspicions, "192.0.2.1", Deed.LOG_IN, 29, 10_000.0 + FORGIVEN_WITHIN) == [None] * 29


def test_after_a_ban_it_begins_anew_and_a_64_is_one():
    suspicions = Suspicions()
    assert tried(suspicions, "2001:db8::1", Deed.UNKNOWN_USER, 19) == [None] * 19
    assert suspicions.add("2001:db8::2", Deed.UNKNOWN_USER, 0.0) is not None
    assert suspicions.add("2001:db8::2", Deed.UNKNOWN_USER, 0.0) is None


def test_no_more_networks_are_remembered_than_there_is_room_for():
    suspicions = Suspicions(most=3)
    for number in range(10):
        suspicions.add(f"192.0.2.{number}", Deed.LOG_IN, 0.0)

    assert len(suspicions) == 3
    assert all(deed.weight <= ENOUGH and deed.text for deed in Deed)


def test_who_asks_for_the_same_user_again_and_again_looks_for_nobody():
    suspicions = Suspicions()
    phone = [suspicions.add("192.0.2.1", Deed.UNKNOWN_USER, 0.0, "gone") for _ in range(100)]
    scanner = [suspicions.add("192.0.2.2", Deed.UNKNOWN_USER, 0.0, f"user{number}") for number in range(20)]

    assert phone == [None] * 100
    assert scanner[:-1] == [None] * 19
    assert scanner[-1].text == "20 times, users that there are not at last"


def wrong(suspicions, *accounts):
    """Have passwords of accounts wrong until it is enough; return of which account alone."""
    found = [suspicions.add("192.0.2.1", Deed.LOG_IN, 0.0, account_id=each) for each in accounts]
    assert found[:-1] == [None] * (len(accounts) - 1)
    return found[-1].account_id


def test_who_has_the_password_of_one_account_wrong_is_told_from_who_tries_several():
    assert wrong(Suspicions(), *[7] * 30) == 7
    assert wrong(Suspicions(), *[7] * 29, 8) == SEVERAL
    assert wrong(Suspicions(), 8, *[7] * 29) == SEVERAL
    assert wrong(Suspicions(), *[7] * 29, SEVERAL) == SEVERAL


def test_whoever_looks_for_users_besides_is_no_phone_with_an_old_password():
    suspicions = Suspicions()
    suspicions.add("192.0.2.1", Deed.UNKNOWN_USER, 0.0, "mallory")

    assert wrong(suspicions, *[7] * 29) == SEVERAL


def test_after_all_is_forgiven_it_counts_of_whom_the_next_password_was():
    suspicions = Suspicions()
    suspicions.add("192.0.2.1", Deed.LOG_IN, -FORGIVEN_WITHIN, account_id=8)

    assert wrong(suspicions, *[7] * 30) == 7


def test_an_account_that_has_another_password_is_forgiven_and_no_other():
    suspicions = Suspicions()
    for number in (1, 2, 3, SEVERAL):
        suspicions.add(f"192.0.2.{number}", Deed.LOG_IN, 0.0, account_id=number)
    suspicions.forget(2, 3)

    assert len(suspicions) == 2
    assert suspicions.add("192.0.2.1", Deed.LOG_IN, 0.0, account_id=1) is None
