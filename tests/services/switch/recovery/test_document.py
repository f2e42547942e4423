"""A call as it is written down: every value by its name, and every value back where it was."""

import json
from dataclasses import MISSING, asdict, fields, is_dataclass, replace

import pytest
from tests.golden.moments import MOMENTS
from tests.golden.stage import Stage
from tests.services.switch.conftest import Row

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.call.callee import Carried
from sipwright.services.switch.model import stored_processes
from sipwright.services.switch.model.destination import Destination
from sipwright.services.switch.model.identity import Identity
from sipwright.services.switch.model.patience import Patience
from sipwright.services.switch.recovery.document import (
    StoredCall,
    StoredLeg,
    UnreadableError,
    read_document,
    write_document,
)
from sipwright.services.switch.recovery.recover import restore


def names(kind):
    return {field.name for field in fields(kind)}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_call_that_was_read_is_written_as_it_was(name):
    """Nothing is forgotten on the way, at any moment in the life of a call."""
    stage, again = Stage(), Stage()
    MOMENTS[name](stage)
    again.bench.network.now = stage.bench.network.now
    for call in stage.bench.switch.calls.values():
        document = write_document(call)
        read = restore(again.bench.switch.ports, Row(call.id, document)).call

        assert json.loads(write_document(read)) == json.loads(document)
        assert type(read) is type(call)


def test_calls_of_each_kind_say_so():
    kinds = set()
    for name in ("ringing", "called_back_later", "transfer_dialling"):
        stage = Stage()
        MOMENTS[name](stage)
        kinds |= {json.loads(write_document(call))["kind"] for call in stage.bench.switch.calls.values()}

    assert kinds == {"call", "third_party", "target"}


def full(kind, **given):
    """Make a value of which nothing is as usual."""
    values = {}
    for number, field in enumerate(fields(kind), 1):
        values[field.name] = {"str": f"{field.name}", "bool": field.default is not True, "int": number,
                              "float": number / 4}.get(field.type.partition(" ")[0])  # fmt: skip
    return kind(**values | given)


def test_every_part_of_a_destination_is_written(bench, alice, bob):
    """And nothing of it in the place of another; but for how long it is waited for, which begins anew."""
    options = full(LegOptions, headers=(("X-A", "b"),))
    to = full(Destination, route=("<sip:r;lr>",), options=options, provider=(1, "trunk"), parked=(2.0, 3),
              patience=Patience())  # fmt: skip
    assert [field.name for field in fields(Destination) if getattr(to, field.name) == field.default] == []

    alice.invite()
    (call,) = bench.switch.calls.values()
    call.legs[0].destination = to
    (stored,) = read_document(write_document(call)).legs
    written = asdict(to)
    del written["patience"]
    assert None not in (said := written.pop("options")).values()
    assert {name: tuple(map(tuple, value)) if name == "headers" else tuple(value) if isinstance(value, list) else value
            for name, value in stored.destination.items()} == written | said  # fmt: skip

    read = restore(bench.switch.ports, Row(call.id, write_document(call))).call
    assert read.legs[0].destination == replace(to, route=["<sip:r;lr>"], patience=None)


def test_every_part_of_an_identity_is_written(bench, alice, bob):
    alice.invite()
    (call,) = bench.switch.calls.values()
    call.identity = full(Identity)
    read = restore(bench.switch.ports, Row(call.id, write_document(call))).call

    assert read.identity == call.identity
    assert names(Identity) <= names(StoredCall)


def test_every_name_is_written_at_some_moment():
    """A name that nobody writes is one that a reader waits for in vain."""
    seen, seen_of_legs = set(), set()
    for moment in MOMENTS.values():
        stage = Stage()
        moment(stage)
        for call in stage.bench.switch.calls.values():
            call.loops, call.passes, call.limit, call.max_forwards = 1, 1, 2.0, 3
            call.shown_from = "<sip:1@x>"
            for leg in call.legs:
                leg.carried = Carried(1, 2, 3.0)
            document = json.loads(write_document(call))
            seen |= set(document)
            seen_of_legs |= {name for leg in (document["caller"], *document["legs"]) for name in leg}

    assert seen - {"format"} == names(StoredCall)
    assert seen_of_legs == names(StoredLeg)


PARTS = {kind for kind in vars(stored_processes).values() if isinstance(kind, type) and is_dataclass(kind)}


def test_what_goes_on_in_a_call_is_written_and_read_by_the_names_of_its_kind():
    found, written, unusual = {}, {}, set()
    for moment in MOMENTS.values():
        stage = Stage()
        moment(stage)
        for call in stage.bench.switch.calls.values():
            document = write_document(call)
            known, stored = json.loads(document), read_document(document)
            pairs = list(zip(known.get("processes", ()), stored.processes, strict=True))
            kinds = [kind for kind in ("third_party", "target", "picker") if kind in known]
            pairs += [(known[kind], getattr(stored, kind)) for kind in kinds]
            for one, read in (part for pair in pairs for part in with_parts(*pair)):
                found[type(read)] = set(one)
                written[type(read)] = asdict(read) == one
                unusual |= {(type(read), name) for name, value in one.items() if value not in USUAL}

    assert found == {kind: names(kind) for kind in PARTS}
    assert set(written.values()) == {True}
    assert {
        (kind.__name__, name) for kind in PARTS for name in names(kind) if (kind, name) not in unusual
    } == SELDOM


USUAL = (None, False, 0, "", [], {})
SELDOM = {
    ("StoredNotice", "state"), ("StoredPicker", "invite"), ("StoredProvisionals", "rounds"),
    ("StoredReInvite", "rounds"),
    ("StoredRelay", "as_invite"), ("StoredRelay", "rounds"), ("StoredReport", "next"), ("StoredReport", "rounds"),
    ("StoredSession", "least"), ("StoredSession", "rounds"), ("StoredTakeover", "place"),
    ("StoredThirdParty", "is_planned"), ("StoredTransfer", "remaining"), ("StoredUnwantedAnswer", "rounds"),
}  # fmt: skip
"""What has another value than its usual one only at moments that are not written down."""


def with_parts(one, read):
    """A part as JSON and as it was read, and so those inside of it."""
    yield one, read
    for field in fields(read):
        value = getattr(read, field.name)
        if is_dataclass(value):
            yield from with_parts(one[field.name], value)


def test_a_name_that_an_earlier_version_did_not_know_has_its_usual_value(bench, alice, bob):
    """So a new one needs no other format."""
    alice.invite()
    (call,) = bench.switch.calls.values()
    document = json.loads(write_document(call))
    needed = {field.name for field in fields(StoredCall) if field.default is field.default_factory is MISSING}
    stored = read_document(json.dumps({name: document[name] for name in {"format", *needed}}).encode())

    assert (stored.dialplan, stored.max_forwards, stored.processes) == (None, 70, [])


@pytest.mark.parametrize(
    "document", [b"[" * 5_000, b"{", b"", b"7", b"[]", b"{}", b'{"format":"x"}', b'{"format":4}']
)
def test_what_is_damaged_is_refused_in_one_way(document):
    """Whatever is wrong with a row, the other calls are brought back."""
    with pytest.raises(UnreadableError):
        restore(Stage().bench.switch.ports, Row("c1", document))
