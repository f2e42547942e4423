"""What is usual for a user, learnt from calls."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sipwright.services.guard.baseline import Baseline, PastCall, learn, place_key, place_text
from sipwright.services.guard.places import Place, place_of

IRELAND, PREMIUM = place_of("+35316790000", "IE"), Place("premium", "GB", "449098790000")
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC).timestamp()
DAY = 86_400.0


def calls(number=30, days=10, place=IRELAND, seconds=120.0):
    return [PastCall(place, MONDAY + each % days * DAY + each * 60.0, seconds) for each in range(number)]


def test_hours_places_rates_and_lengths_are_learnt():
    found = learn([*calls(), PastCall(PREMIUM, MONDAY + 5 * DAY, 600.0)], ZoneInfo("UTC"), [5, 7])

    assert found is not None
    assert (found.calls, found.days, found.hours[10], sum(found.hours)) == (31, 10, 31, 31)
    assert found.places == {"IE": 30, "premium GB": 1}
    assert (found.most_per_hour, found.most_minutes, found.longest, found.most_money) == (4, 16.0, 600.0, 7)


def test_hours_are_those_of_the_user():
    found = learn(calls(), ZoneInfo("Asia/Tokyo"))

    assert [hour for hour, number in enumerate(found.hours) if number] == [19]


def test_calls_at_once_are_those_that_overlap():
    found = learn([*calls(), *(PastCall(IRELAND, MONDAY + 40 * DAY + each, 60.0) for each in range(3))], UTC)

    assert found.most_at_once == 3


def test_too_few_calls_or_days_tell_nothing():
    assert learn(calls(19), UTC) is None
    assert learn(calls(30, days=2), UTC) is None
    assert learn([], UTC) is None
    assert learn(calls(20, days=3), UTC) is not None


def test_it_is_stored_and_read_again():
    found = learn(calls(), UTC)

    assert Baseline.from_text(found.to_text()) == found
    assert Baseline.from_text('{"version":2,"more":1}') is None
    assert Baseline.from_text(found.to_text().replace('"calls":', '"unheard_of":1,"calls":')) == found


def test_places_are_told_apart_by_kind_and_country():
    places = {
        IRELAND: ("IE", "numbers in IE"),
        PREMIUM: ("premium GB", "premium numbers in GB"),
        Place("premium", "001", "979"): ("premium 001", "premium numbers"),
        Place("satellite", "001", "8816"): ("satellite 001", "satellite numbers"),
        Place("high-risk", "SO", "252"): ("high-risk SO", "numbers in SO"),
        Place("ordinary", None, "1"): ("", "numbers of an unknown country"),
    }

    assert {place: (place_key(place), place_text(place_key(place))) for place in places} == places
