"""What is typed into the form of rules becomes rules as the command line reads them."""

from sipwright.services.dialplan.language.rules import compile_rules, read_rules
from sipwright.web.pages.rules_editor import to_toml

RULE = {
    "name": "", "direction": "any", "pattern": "", "caller": "", "days": "", "time": "", "action": "dial", "to": "",
    "ring": "", "status": "", "reason": "",
}  # fmt: skip


def test_what_was_left_empty_and_what_the_action_has_no_use_for_says_nothing():
    written = to_toml([{**RULE, "to": "alice@local", "ring": "25", "status": "480", "reason": "Closed"}])

    assert written == '[[rule]]\ndirection = "any"\naction = "dial"\nto = "alice@local"\nring = 25.0\n'


def test_rules_are_compiled_in_their_order():
    rules = [
        {
            **RULE,
            "name": 'the "office"',
            "days": "Mon-Fri",
            "time": "08:00-17:30",
            "to": "alice@local",
            "ring": "25",
        },
        {**RULE, "action": "reject", "status": "480", "reason": "Closed", "to": "ignored"},
    ]

    script = compile_rules(read_rules(to_toml(rules)))

    assert script.index('dial("alice@local", ring=25)') < script.index('respond(480, "Closed")')
    assert 'the "office"' in script


def test_what_is_no_number_is_left_to_those_who_read_the_rules():
    assert 'ring = "soon"' in to_toml([{**RULE, "to": "alice@local", "ring": "soon"}])
