"""What a client finds out, behind NATs of every kind that RFC 4787 names."""

from __future__ import annotations

import itertools

import pytest

from sipwright.stun import (
    Asked,
    Kind,
    answer_binding,
    check_nat,
    parse_stun,
    read_reply,
    write_probe,
    write_stun,
)

SERVER = ("192.0.2.1", 3478)
PLACES = [(host, port) for host in ("192.0.2.1", "192.0.2.2") for port in (3478, 3479)]
INSIDE = "10.0.0.5"
OUTSIDE = "203.0.113.9"
ID = bytes(12)
KINDS = ["endpoint-independent", "address-dependent", "address-and-port-dependent"]


def others_of(place, is_double):
    if not is_double:
        return {}
    return {(p[0] != place[0], p[1] != place[1]): p for p in PLACES if p != place}


class Nat:
    """Translates as it is told to, and lets in whom it is told to."""

    def __init__(self, mapping, filtering, *, hairpins=False, keeps_ports=False, is_double=True):
        self.mapping, self.filtering, self.hairpins = mapping, filtering, hairpins
        self.keeps_ports, self.is_double = keeps_ports, is_double
        self.mapped: dict[object, tuple[str, int]] = {}
        self.written: set[tuple[int, object]] = set()
        self.ports = itertools.count(50_000)

    def _part(self, kind, place):
        return {"endpoint-independent": None, "address-dependent": place[0]}.get(kind, place)

    def outer(self, socket, to):
        if self.mapping is None:
            return (INSIDE, 40_000 + socket)
        key = (socket, self._part(self.mapping, to))
        if key not in self.mapped:
            port = 40_000 + socket if self.keeps_ports else next(self.ports)
            self.mapped[key] = (OUTSIDE, port)
        return self.mapped[key]

    def ask(self, probe):
        """Return the reply that the client would hear."""
        data, source = write_probe(probe, ID), self.outer(probe.socket, probe.to)
        self.written.add((probe.socket, self._part(self.filtering, probe.to)))
        if probe.to not in PLACES:
            return read_reply(data, ID, source) if self.hairpins else None
        answer = answer_binding(data, Asked(source, probe.to, others_of(probe.to, self.is_double)))
        sent_from = others_of(probe.to, True)[answer.change] if any(answer.change) else probe.to
        if (probe.heard_at, self._part(self.filtering, sent_from)) not in self.written:
            return None
        return read_reply(answer.data, ID, sent_from)


def found_by(nat):
    questions, reply = check_nat(SERVER, (INSIDE, 40_000)), None
    try:
        while True:
            reply = nat.ask(questions.send(reply))
    except StopIteration as done:
        return done.value


@pytest.mark.parametrize("mapping", KINDS)
@pytest.mark.parametrize("filtering", KINDS)
@pytest.mark.parametrize("hairpins", [False, True])
def test_every_kind_of_nat_is_told(mapping, filtering, hairpins):
    found = found_by(Nat(mapping, filtering, hairpins=hairpins))

    assert found.is_behind_nat
    assert (found.mapping, found.filtering, found.hairpins) == (mapping, filtering, hairpins)
    assert found.preserves_port is False


def test_a_port_that_is_kept():
    assert found_by(Nat("endpoint-independent", "address-dependent", keeps_ports=True)).preserves_port is True


@pytest.mark.parametrize("filtering", KINDS)
def test_no_nat_but_perhaps_a_firewall(filtering):
    found = found_by(Nat(None, filtering))

    assert not found.is_behind_nat
    assert (found.mapping, found.filtering, found.hairpins) == ("endpoint-independent", filtering, None)


def test_a_server_with_one_address_can_tell_little():
    found = found_by(Nat("address-dependent", "address-dependent", is_double=False))

    assert found.is_behind_nat
    assert (found.mapping, found.filtering, found.hairpins) == (None, None, False)


def test_no_answer_at_all():
    questions = check_nat(SERVER, (INSIDE, 40_000))
    next(questions)
    with pytest.raises(StopIteration) as done:
        questions.send(None)

    assert not done.value.value.is_reached
    assert done.value.value.preserves_port is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no STUN at all", id="something else"),
        pytest.param(
            write_stun(Kind.SUCCESS, bytes.fromhex("2112a442") + b"another's ID", []), id="another's"
        ),
        pytest.param(write_stun(Kind.SUCCESS, bytes.fromhex("2112a442") + ID, []), id="without an address"),
        pytest.param(write_stun(Kind.ERROR, bytes.fromhex("2112a442") + ID, []), id="a refusal"),
    ],
)
def test_what_is_no_reply(data):
    assert read_reply(data, ID, SERVER) is None


def test_a_question_has_room_for_the_whole_answer():
    probe = next(check_nat(SERVER, (INSIDE, 1)))
    question = write_probe(probe, ID)
    answer = answer_binding(question, Asked(("2001:db8::1", 1), SERVER, others_of(SERVER, True)))

    assert len(parse_stun(answer.data).attributes) == 6
