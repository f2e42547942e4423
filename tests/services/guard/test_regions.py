"""The country of a user, by the time zone."""

from sipwright.services.guard.regions import is_region, region_of


def test_the_country_of_a_user_is_that_of_the_time_zone():
    assert [region_of(zone) for zone in ("Europe/Dublin", "America/New_York", "UTC", "Nowhere")] == [
        "IE", "US", None, None,
    ]  # fmt: skip


def test_a_country_is_one_that_has_numbers():
    assert [is_region(name) for name in ("IE", "SO", "XX", "ie", "IRL", "")] == [True, True, *[False] * 4]
