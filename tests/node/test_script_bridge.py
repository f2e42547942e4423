"""What calls and dialplans know of each other: whose dialplan decides, and how much it may do."""

from types import SimpleNamespace

import pytest

from sipwright.node.script_bridge import Scripts, StoredRun
from sipwright.services.switch import Identity
from sipwright.store.schema.entities import Dialplan

OWN, OTHER_OF_OWNER, OF_ANOTHER = 1, 2, 3


def scripts_with(*plans):
    """The scripts of a node whose first two accounts belong to user 7, the third to user 8."""
    directory = SimpleNamespace(
        dialplan_named=lambda user_id, name: next((p for p in plans if (p.user_id, p.name) == (user_id, name)), None),
        account_by_id={
            number: SimpleNamespace(user_id=user_id, out_plan=number * 10)
            for number, user_id in ((OWN, 7), (OTHER_OF_OWNER, 7), (OF_ANOTHER, 8))
        }.get,
    )  # fmt: skip
    scripts = object.__new__(Scripts)
    scripts._store = SimpleNamespace(directory=directory)
    return scripts


@pytest.mark.parametrize(
    ("asking", "plan"), [(OWN, 10), (OTHER_OF_OWNER, 20), (OF_ANOTHER, None), (None, None), (99, None)]
)
def test_the_out_dialplan_of_the_phone_that_asks_is_for_its_transfers(asking, plan):
    """Somebody outside who is in the call must not dial by a script that was written for the owner's phones."""
    identity = Identity("transfer", OWN, 7, "example.org")

    assert scripts_with().transfer_plan(identity, asking) == plan


@pytest.mark.parametrize("asking", [OWN, OF_ANOTHER, None])
def test_a_dialplan_for_transfers_decides_about_all_of_them(asking):
    plans = [Dialplan(5, 8, "transfer", 1, ""), Dialplan(6, 7, "transfer", 1, "")]

    assert scripts_with(*plans).transfer_plan(Identity("transfer", OWN, 7, "example.org"), asking) == 6


def test_the_run_of_a_call_that_cannot_be_read_stays_as_it_is():
    """The version that can read the call finds its script where it stood."""
    restored = []
    scripts = scripts_with()
    scripts.executions = SimpleNamespace(restore=lambda row, *_: restored.append(row.id) or scripts.executions,
                                         call_ended=lambda _: None, no_caller=lambda _: None)  # fmt: skip
    plan = Dialplan(5, 7, "out", 1, "")
    runs = [
        StoredRun(SimpleNamespace(id=f"run-{call}", call_id=call), plan, []) for call in ("unread", "over")
    ]
    scripts.recover(runs, {}, {"unread"})

    assert restored == ["run-over"]
