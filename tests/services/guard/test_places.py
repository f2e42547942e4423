"""Where numbers lead: countries and kinds, in the ways in which people dial."""

import pytest

from sipwright.services.guard.places import HIGH_RISK, is_open, place_of, places_of

NONE = frozenset()


@pytest.mark.parametrize(
    ("user", "region", "kind", "country"),
    [
        ("+35315550100", None, "ordinary", "IE"),
        ("0035315550100", "DE", "ordinary", "IE"),
        ("015550100", "IE", "ordinary", "IE"),
        ("35316790000", "GB", "ordinary", "IE"),
        ("35316790000", None, "ordinary", "IE"),
        ("+44 20 7946-0000", "IE", "ordinary", "GB"),
        ("112", "IE", "ordinary", "IE"),
        ("*97", "IE", "ordinary", None),
        ("alice", "IE", "ordinary", None),
        ("+449098790000", "IE", "premium", "GB"),
        ("00449098790000", "IE", "premium", "GB"),
        ("449098790000", "IE", "premium", "GB"),
        ("0900312345", "DE", "premium", "DE"),
        ("+19002345678", None, "premium", "US"),
        ("01119002345678", "US", "premium", "US"),
        ("19002345678", None, "premium", None),
        ("09001234567", None, "premium", None),
        ("+979123456789", "IE", "premium", "001"),
        ("+881612345678", "IE", "satellite", "001"),
        ("00870772001234", "IE", "satellite", "001"),
        ("881612345678", None, "satellite", "001"),
        ("+252612345678", "IE", "high-risk", "SO"),
        ("+252612345678", "SO", "ordinary", "SO"),
        ("+5352123456", None, "high-risk", "CU"),
        ("+18765551234", "US", "ordinary", "JM"),
        ("+99999999999", "IE", "ordinary", None),
        ("8812345678", "IN", "ordinary", "IN"),
        ("9198765432", "IN", "ordinary", "IN"),
        ("4042345678", "US", "ordinary", "US"),
        ("6787123456", "US", "ordinary", "US"),
        ("6702345678", "MP", "ordinary", "MP"),
        ("alice1900", "IE", "ordinary", None),
    ],
)
def test_a_number_leads_somewhere(user, region, kind, country):
    place = place_of(user, region)

    assert (place.kind, place.region) == (kind, country)


@pytest.mark.parametrize(
    "user",
    [
        "%2B449098790000", "%252B449098790000", "0044%39098790000", "4490%39%38790000", "+4490987\u0669\u0660000",
        "\uff0b449098790000", "*31#+449098790000", "#31#00449098790000", "*67449098790000", "*679098790000",
        "449098790000#", "449098790000,,1", "449098790000p1", "449098790000w12", "449098790000:secret",
        "+44/9098790000", "449098790000%23", "+44_9098_790000", "9+449098790000", "00+449098790000",
        "+00449098790000", "000449098790000",
        "7788#449098790000", "011449098790000", "0011449098790000", "+44909879000000", "00449098790000123",
        "tel:+449098790000", "%2a31%23%2B449098790000", 300 * "-" + "+449098790000", 300 * "%2D" + "00449098790000",
        "+" + 300 * "0" + "449098790000", 300 * "0" + "449098790000", "+449098790000" + 300 * "0",
    ],
)  # fmt: skip
def test_a_number_is_read_in_every_way_that_a_provider_may_read_it(user):
    place = place_of(user, "GB" if user == "*679098790000" else "IE")

    assert (place.kind, place.region) == ("premium", "GB")


@pytest.mark.parametrize(
    "user", ["alice", "alice12345678", "user4490987900001", "*97", "*98*12", "b.9001234567", ""]
)
def test_what_is_a_name_or_a_code_is_no_number(user):
    assert place_of(user, "IE").kind == "ordinary"


def test_the_digits_have_the_country_code_whatever_was_dialled():
    dialled = ("+353 1 555 0100", "0035315550100", "015550100")

    assert {place_of(user, "IE").digits for user in dialled} == {"35315550100"}


@pytest.mark.parametrize(
    ("user", "rules", "expected"),
    [
        ("015550100", NONE, True),
        ("+442079460000", NONE, True),
        ("+442079460000", {"-GB"}, False),
        ("+442079460000", {"-abroad"}, False),
        ("+442079460000", {"-abroad", "GB"}, True),
        ("015550100", {"-abroad"}, True),
        ("112", {"-abroad"}, True),
        ("+449098790000", NONE, False),
        ("+449098790000", {"premium"}, True),
        ("+449098790000", {"GB"}, False),
        ("+449098790000", {"premium", "-GB"}, False),
        ("+252612345678", NONE, False),
        ("+252612345678", {"SO"}, True),
        ("+252612345678", {"high-risk"}, True),
        ("+252612345678", {"high-risk", "-SO"}, False),
        ("+881612345678", NONE, False),
        ("+881612345678", {"satellite"}, True),
    ],
)
def test_at_first_ordinary_numbers_are_open_and_an_admin_may_change_that(user, rules, expected):
    assert is_open(place_of(user, "IE"), "IE", frozenset(rules)) is expected


def test_countries_that_are_dear_are_countries():
    import phonenumbers

    assert set(phonenumbers.SUPPORTED_REGIONS) >= HIGH_RISK


@pytest.mark.parametrize(
    ("user", "region", "kind"),
    [
        # In Germany 0881 is Weilheim; nobody there dials it without the zero.
        ("881612345678", "DE", "satellite"),
        ("810881612345678", "DE", "satellite"),
        ("00112203012345", "IE", "high-risk"),
        ("5551234;phone-context=+1900", "IE", "premium"),
        ("5551234;Phone-Context=%2B1-900", "IE", "premium"),
        ("9098790000;phone-context=+44", "IE", "premium"),
        ("+35315550100;npdi;rn=+449098790000", "IE", "premium"),
        ("1900FLOWERS", "US", "premium"),
        ("+1-900-flowers", "IE", "premium"),
        ("+35315550100;isub=9098790000;ext=12", "IE", "ordinary"),
        ("+35316790000;phone-context=example.org", "IE", "ordinary"),
    ],
)
def test_what_else_a_provider_may_make_of_it_counts(user, region, kind):
    assert place_of(user, region).kind == kind


def test_each_place_that_a_number_may_lead_to_is_known_with_all_of_its_digits():
    assert [place.digits for place in places_of("118118", "GB")] == ["118118", "44118118"]
    assert [place.region for place in places_of("447400123456", "DE")] == ["DE", "GB"]
    assert "3725551234" in [place.digits for place in places_of("*673725551234", "IE")]
    assert [place.region for place in places_of("015550100", "IE")] == ["IE"]
