"""The country of a user, by the time zone."""

from sipwright.services.guard.regions import region_of


def test_the_country_of_a_user_is_that_of_the_time_zone():
    assert [region_of(zone) for zone in ("Europe/Dublin", "America/New_York", "UTC", "Nowhere")] == [
        "IE", "US", None, None,
    ]  # fmt: skip
