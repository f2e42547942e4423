"""The bus: what is sealed, and what happens without a server. With one: `interop/test_faces_across_nodes`."""

import asyncio

import pytest

from sipwright.cluster.bus import NatsBus, Seal


def test_only_who_has_the_key_reads_what_was_sealed():
    seal = Seal(b"secret")
    sealed = seal.close("events", b"alice calls bob")

    assert seal.open("events", sealed) == b"alice calls bob"
    assert b"alice" not in sealed
    assert seal.open("hint", sealed) is None
    assert Seal(b"another").open("events", sealed) is None
    assert seal.name != Seal(b"another").name


@pytest.mark.parametrize("data", [b"", b"short", bytes(40)])
def test_what_nobody_has_sealed_is_nothing(data):
    assert Seal(b"secret").open("events", data) is None


async def test_without_a_server_all_goes_on_and_that_is_said_once(monkeypatch):
    said, is_said = [], asyncio.Event()

    def warn(what, **how):
        said.append(how)
        is_said.set()

    bus = NatsBus(["nats://user:hidden@127.0.0.1:1"], b"secret", "north")
    monkeypatch.setattr("sipwright.cluster.bus.RETRY", 0.01)
    monkeypatch.setattr("sipwright.cluster.bus.log.warning", warn)
    await bus.listen("events", bytes)
    await bus.start()
    bus.publish("events", b"lost")
    async with asyncio.timeout(60):
        await is_said.wait()
    await asyncio.sleep(0.1)
    await bus.close()

    assert not bus.is_there
    assert len(said) == 1
    assert said[0]["servers"] == ["127.0.0.1:1"]
