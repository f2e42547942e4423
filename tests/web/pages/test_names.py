"""The names that the editor completes are those that scripts are checked against."""

from sipwright.services.dialplan.language.catalogue import FUNCTIONS
from sipwright.web.pages.names import MEMBERS, NAMES, members_beside


def test_every_function_of_the_language_is_completed_with_its_parameters():
    functions = {name["label"]: name["detail"] for name in NAMES if name["type"] == "function"}

    assert set(FUNCTIONS) - functions.keys() == set()
    assert functions["hangup_after"] == "(seconds: float)"


def test_members_are_completed_after_the_objects_that_are_there():
    labels = {owner: {member["label"] for member in found} for owner, found in MEMBERS.items()}

    assert {"user", "from_user", "headers"} <= labels["req"]
    assert {"active", "provider"} <= labels["call"]
    assert {"get", "set", "add"} <= labels["store"]
    assert {"answered", "status", "legs"} <= labels["result"]


def test_what_is_completed_says_what_it_does():
    assert next(name for name in NAMES if name["label"] == "sleep")["info"] == "Wait."


def test_other_dialplans_are_completed_with_what_they_define():
    found = members_beside({"common": ("groups", "ring"), "store": ("mine",)})

    assert [plan["label"] for plan in found["plans"]] == ["common", "store"]
    assert [name["label"] for name in found["common"]] == ["groups", "ring"]
    assert found["store"] == MEMBERS["store"]
