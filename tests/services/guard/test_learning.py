"""Baselines out of the records of calls."""

from sipwright.services.guard.learning import learn_from

DAY = 86_400.0


def test_what_was_dialled_is_read_in_the_country_of_the_user_and_what_did_not_leave_is_left_out():
    targets = [
        "016790000@trunk", "0035316790000@trunk", "sip:+442079460000@trunk", "bob@local", "201@local",
        "*43@trunk", "",
    ]  # fmt: skip
    records = [(target, day * DAY, 60.0) for day in range(10) for target in targets]
    found = learn_from(records, "IE", "Europe/Dublin", [1_000])

    assert (found.calls, found.places, found.most_money) == (30, {"IE": 20, "GB": 10}, 1_000)


def test_others_have_a_turn_between():
    pauses = []
    records = [(f"+4420794600{number:02}@trunk", number * DAY, 1.0) for number in range(25)]
    learn_from(records, None, "UTC", pause=pauses.append)

    assert pauses == [0.001, 0.001]
