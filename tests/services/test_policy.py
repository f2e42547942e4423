"""Who may ask for what."""

import pytest

from sipwright.services.policy import ACTIONS, DEFAULTS, PARTIES, Policy


def test_everything_that_can_be_asked_for_has_a_rule_and_a_meaning():
    assert set(DEFAULTS) == set(ACTIONS)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("refer", ["phones"]),
        ("redirect", ["phones", "trunks", "strangers"]),
        ("replace", ["phones"]),
        ("message", ["phones", "trunks", "strangers"]),
        ("subscribe", ["phones"]),
    ],
)
def test_what_counts_when_nothing_is_said(action, allowed):
    assert [party for party in PARTIES if Policy().allows(action, party, "example.org")] == allowed


def test_a_domain_and_a_provider_may_have_rules_of_their_own():
    policy = Policy(
        domains={"a.org": {"message": ("phones",)}}, providers={"pbx": {"refer": True, "message": False}}
    )

    assert policy.allows("message", "strangers", "b.org")
    assert not policy.allows("message", "strangers", "a.org")
    assert policy.allows("refer", "trunks", "a.org", "pbx")
    assert not policy.allows("refer", "trunks", "a.org", "other")
    assert not policy.allows("message", "trunks", "b.org", "pbx")
    assert policy.allows("redirect", "trunks", "b.org", "pbx")


def test_the_table_has_a_row_for_each_rule():
    rows = Policy(domains={"a.org": {"refer": ()}}, providers={"pbx": {"refer": True}}).table()

    assert len(rows) == len(DEFAULTS) + 2
    assert rows[0] == {
        "domain": None, "provider": None, "action": "refer", "phones": True, "trunks": False, "strangers": False,
    }  # fmt: skip
    assert rows[-2:] == [
        {
            "domain": "a.org",
            "provider": None,
            "action": "refer",
            "phones": False,
            "trunks": False,
            "strangers": False,
        },
        {
            "domain": None,
            "provider": "pbx",
            "action": "refer",
            "phones": None,
            "trunks": True,
            "strangers": None,
        },
    ]
