"""What a client of the control socket makes of what it hears; the two together are in `node/test_control_server.py`."""

import asyncio

import pytest

from sipwright.control.client import SwitchAway, SwitchClient
from sipwright.control.events import LOST


@pytest.fixture
async def switch(tmp_path):
    """Something that listens and says what it is given."""
    said = []

    async def serve(reader, writer):
        await reader.readline()
        writer.write(b"".join(said))
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "control.sock")
    yield said
    server.close()


EVENT = b'{"event":{"id":"%d","type":"audit","at":1.0,"node":"n","user":null,"call":null,"data":{}}}\n'


async def test_a_reader_is_told_what_it_has_missed(switch, tmp_path):
    switch += [b'{"id":0,"answer":{"last":"0"}}\n', EVENT % 5, b'{"lost":3}\n', b'{"lost":null}\n', EVENT % 9]
    events = SwitchClient(tmp_path).events()
    seen = [await anext(events) for _ in range(4)]
    found = [(event.id, event.type, event.data.get("count")) for event in seen]

    assert found == [("5", "audit", None), ("5", LOST, 3), ("5", LOST, None), ("9", "audit", None)]


async def test_half_a_line_is_the_end(switch, tmp_path):
    switch += [EVENT % 5, b'{"event":{"id"']
    events = SwitchClient(tmp_path).events()

    assert (await anext(events)).id == "5"
    with pytest.raises(SwitchAway):
        await anext(events)


async def test_an_answer_that_never_comes_is_a_switch_that_is_away(switch, tmp_path):
    with pytest.raises(SwitchAway):
        await SwitchClient(tmp_path).request("status")
