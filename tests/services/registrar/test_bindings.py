import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.services.registrar.bindings import Binding, Change, OutOfOrder, changed, cleared
from sipwright.sip import Uri

NOW = 1_000


def request(cseq=1, call_id="one"):
    return Binding(NOW, cseq, call_id, "udp/a/b", "", "")


def asks(uri, granted=3600, **more):
    return Change(Uri.parse(uri), more.pop("contact", f"<{uri}>"), granted, **more)


def register(bindings, *changes, limit=10, **template):
    return changed(bindings, changes, request(**template), limit)[0]


def contacts(bindings):
    return [binding.contact for binding in bindings]


def test_a_new_contact_becomes_a_binding():
    path = Binding(NOW, 7, "one", "udp/a/b", "<sip:p;lr>", "")
    bindings, fresh = changed([], [asks("sip:a@h")], path, 10)

    assert bindings == [Binding(NOW + 3600, 7, "one", "udp/a/b", "<sip:p;lr>", "<sip:a@h>")]
    assert fresh == [(asks("sip:a@h"), bindings[0])]


def test_the_refreshed_one_becomes_the_youngest():
    bindings = register([], asks("sip:a@h"), asks("sip:b@h"))
    bindings = register(bindings, asks("sip:a@h", 60), cseq=2)

    assert [(b.contact, b.expires_at) for b in bindings] == [
        ("<sip:b@h>", NOW + 3600),
        ("<sip:a@h>", NOW + 60),
    ]


def test_the_same_address_is_found_however_it_is_written():
    """§19.1.4."""
    bindings = register([], asks("sip:a@HOST;transport=udp"))
    bindings = register(bindings, asks("sip:%61@host;transport=UDP"), cseq=2)

    assert contacts(bindings) == ["<sip:%61@host;transport=UDP>"]


def test_a_contact_with_a_name_is_found():
    bindings = register([], asks("sip:a@h", contact='"<x>" <sip:a@h>'))

    assert bindings[0].uri == "sip:a@h"
    assert register(bindings, asks("sip:a@h", 0), cseq=2) == []


def test_zero_removes():
    bindings = register([], asks("sip:a@h"), asks("sip:b@h"))

    assert contacts(register(bindings, asks("sip:a@h", 0), cseq=2)) == ["<sip:b@h>"]
    assert contacts(register(bindings, asks("sip:c@h", 0), cseq=2)) == ["<sip:a@h>", "<sip:b@h>"]


@pytest.mark.parametrize("cseq", [4, 5])
@pytest.mark.parametrize("granted", [0, 3600])
def test_the_same_call_id_needs_a_higher_cseq(cseq, granted):
    """§10.3 step 7; the bindings are left as they were."""
    bindings = register([], asks("sip:a@h"), cseq=5)

    with pytest.raises(OutOfOrder):
        register(bindings, asks("sip:new@h"), asks("sip:a@h", granted), cseq=cseq)
    assert contacts(bindings) == ["<sip:a@h>"]


def test_another_call_id_may_start_anew():
    bindings = register([], asks("sip:a@h"), cseq=5)

    assert [b.cseq for b in register(bindings, asks("sip:a@h"), cseq=1, call_id="two")] == [1]


def test_the_last_contact_counts_when_several_name_one_address():
    assert [b.expires_at for b in register([], asks("sip:a@h", 60), asks("sip:a@H", 90))] == [NOW + 90]
    assert register([], asks("sip:a@h", 60), asks("sip:a@h", 0)) == []


def test_beyond_the_limit_the_oldest_goes():
    bindings = register([], *[asks(f"sip:{n}@h") for n in range(10)])
    bindings = register(bindings, asks("sip:0@h"), cseq=2)
    bindings = register(bindings, asks("sip:new@h"), cseq=3)

    assert contacts(bindings) == [f"<sip:{n}@h>" for n in [2, 3, 4, 5, 6, 7, 8, 9, 0, "new"]]


def test_one_request_can_fill_the_table_alone():
    bindings, fresh = changed(
        register([], asks("sip:old@h")), [asks(f"sip:{n}@h") for n in range(12)], request(2), 10
    )

    assert contacts(bindings) == [f"<sip:{n}@h>" for n in range(2, 12)]
    assert [binding for _, binding in fresh] == bindings


def test_star_removes_all_but_not_out_of_order():
    """§10.3 step 6."""
    bindings = register([], asks("sip:a@h"), cseq=5) + register([], asks("sip:b@h"), cseq=9, call_id="two")

    assert cleared(bindings, request(6)) == []
    assert cleared(bindings, request(1, "three")) == []
    with pytest.raises(OutOfOrder):
        cleared(bindings, request(5))


FLOW = '<sip:x1@h>;+sip.instance="<urn:uuid:1>";reg-id=1'


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"instance": "<urn:uuid:1>", "reg_id": 1}, 1),
        ({"instance": "<urn:uuid:1>", "reg_id": 2}, 2),
        ({"instance": "<urn:uuid:2>", "reg_id": 1}, 2),
        ({"instance": "<urn:uuid:1>"}, 2),
        ({}, 2),
    ],
)
def test_a_phone_that_comes_back_over_the_same_flow_takes_its_own_place(more, count):
    """RFC 5626 §6."""
    bindings = register([], asks("sip:x1@h", contact=FLOW))

    assert len(register(bindings, asks("sip:x2@h", **more), cseq=2)) == count


def numbered(number, instance="<urn:uuid:1>", granted=3600, uri="sip:x@h"):
    contact = f'<{uri}>;+sip.instance="{instance}";reg-id={number}'
    return asks(uri, granted, contact=contact, instance=instance, reg_id=int(number))


def test_flows_of_one_address_are_told_apart_by_their_numbers():
    """RFC 5626 §6: the Contact URI is not compared; most phones give the same one over each of their flows."""
    bindings = register(register([], numbered(1)), numbered(2), cseq=2)
    assert contacts(bindings) == [numbered(1).contact, numbered(2).contact]

    again = register(bindings, numbered(1, uri="sip:y@h"), cseq=3)
    assert contacts(again) == [numbered(2).contact, numbered(1, uri="sip:y@h").contact]
    assert contacts(register(again, numbered(2, granted=0), cseq=4)) == [numbered(1, uri="sip:y@h").contact]


def plain(uri="sip:x@h", granted=3600, instance=None):
    contact = f"<{uri}>" if instance is None else f'<{uri}>;+sip.instance="{instance}"'
    return asks(uri, granted, contact=contact, instance=instance)


ONE, TWO, OTHER = "<urn:uuid:1>", "<urn:uuid:2>", "sip:y@h"


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        # Who numbers no flow is known by its address (RFC 3261 §10.3), which all of its flows have had.
        ([numbered(1), numbered(2)], plain(), [plain()]),
        ([numbered(1), numbered(2)], plain(granted=0), []),
        ([numbered(1), numbered(2)], plain(instance=ONE), [plain(instance=ONE)]),
        ([numbered(1), numbered(2)], plain(instance=ONE, granted=0), []),
        ([numbered(1), numbered(2, uri=OTHER)], plain(), [numbered(2, uri=OTHER), plain()]),
        # What names another device is not that of a flow.
        ([numbered(1), numbered(2)], plain(instance=TWO), [numbered(1), numbered(2), plain(instance=TWO)]),
        ([numbered(1), numbered(1, TWO)], plain(instance=TWO), [numbered(1), plain(instance=TWO)]),
        ([numbered(1), numbered(1, TWO)], plain(instance=TWO, granted=0), [numbered(1)]),
        # A flow is known by its device and number (RFC 5626 §6), and stands for the address it was registered with.
        ([plain(), numbered(1, uri=OTHER)], numbered(1), [numbered(1)]),
        ([numbered(1, uri=OTHER), plain()], numbered(1), [numbered(1)]),
        ([plain()], numbered(1), [numbered(1)]),
        ([plain(instance=ONE)], numbered(1), [numbered(1)]),
        ([numbered(1), numbered(2)], numbered(1, granted=0), [numbered(2)]),
        ([numbered(1)], numbered("01"), [numbered("01")]),
        ([numbered(1)], numbered(10), [numbered(1), numbered(10)]),
    ],
)
def test_what_a_contact_takes_the_place_of(before, change, after):
    bindings = []
    for cseq, known in enumerate(before, 1):
        bindings = register(bindings, known, cseq=cseq)

    assert contacts(register(bindings, change, cseq=9)) == [each.contact for each in after]
    assert contacts(register(bindings, change, cseq=1, call_id="two")) == [each.contact for each in after]


@pytest.mark.parametrize("late", [0, 1])
def test_one_that_was_overtaken_by_any_of_those_it_would_replace_does_nothing(late):
    bindings = register(register([], numbered(1), cseq=5 if late else 7), numbered(2), cseq=7 if late else 5)

    with pytest.raises(OutOfOrder):
        register(bindings, plain(), cseq=6)


def test_two_devices_of_one_address_are_two():
    bindings = register(register([], numbered(1, "<urn:uuid:1>")), numbered(1, "<urn:uuid:2>"), cseq=2)

    assert len(bindings) == 2


def test_who_does_not_number_flows_removes_by_address():
    bindings = register(register([], numbered(1)), asks("sip:x@h", 0), cseq=2)

    assert bindings == []


def test_a_flow_does_not_take_the_place_of_a_phone_without_one():
    bindings = register([], asks("sip:x1@h"))

    assert len(register(bindings, asks("sip:x2@h", instance="i", reg_id=1), cseq=2)) == 2


def test_expiry_is_when_the_granted_seconds_are_over():
    (binding,) = register([], asks("sip:a@h", 60))

    assert not binding.has_expired(NOW + 60.9)
    assert binding.has_expired(NOW + 61)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 60, 3600])), max_size=5), max_size=12)
)
def test_whatever_is_asked_the_rules_hold(requests):
    bindings, model = [], {}
    for cseq, wishes in enumerate(requests, 1):
        bindings = register(
            bindings, *[asks(f"sip:{n}@h", granted) for n, granted in wishes], cseq=cseq, limit=4
        )
        for n, granted in wishes:
            model.pop(n, None)
            if granted:
                model[n] = granted
        model = dict(list(model.items())[-4:])

        assert contacts(bindings) == [f"<sip:{n}@h>" for n in model]
