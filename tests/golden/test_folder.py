"""An upgrade loses no call: the folder of a killed process of an earlier release, and today's `sipwright run`."""

import json
import re
from types import SimpleNamespace

import pytest
from tests.services.switch.conftest import SDP

from .conftest import RELEASES
from .folder import SwitchOnFolder, alone, phones_of, read_folder


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def left(request, tmp_path):
    """What a release has left: the folder, with a switch to run on it, and the phones."""
    with alone():
        folder = tmp_path / "data"
        phones = phones_of(read_folder(request.param / "folder", folder))
        switch = SwitchOnFolder(folder)
        yield SimpleNamespace(switch=switch, release=request.param.name, **phones)
        switch.stop()
        for phone in phones.values():
            phone.socket.close()


def listed(switch, *command):
    return json.loads(switch.command(*command, "--json"))


def test_what_was_not_applied_yet_is_there_before_the_switch_runs(left):
    """Carol's phone, and all calls but one, are only in the log."""
    left.switch.command("init")  # which brings the database of an older release up to date

    calls = {row["from"]: row["state"] for row in listed(left.switch, "calls")}

    assert calls == {
        "sip:alice@elsewhere.net": "talking",
        **dict.fromkeys((f"sip:{name}@elsewhere.net" for name in ("anna", "arno")), "ringing"),
        "sip:adam@elsewhere.net": "setting up",
    }
    assert [row["account"] for row in listed(left.switch, "bindings")] == ["bob@sip.test", "carol@sip.test"]
    (provider,) = listed(left.switch, "provider", "list")
    assert provider["state"] == "registered"


def test_every_call_goes_on(left):
    switch, alice, anna, arno, adam, bob, carol, trunk = (
        getattr(left, name) for name in ("switch", "alice", "anna", "arno", "adam", "bob", "carol", "trunk")
    )
    bobs, carols, told = len(bob.heard), len(carol.heard), len(trunk.heard)
    switch.start()

    # The one that rang is answered.
    ringing = bob.last("INVITE")
    bob.answer(ringing, 200, body=SDP.format(bob.host))
    ok = anna.hears(200)
    anna.ack(ok)
    bob.hears("ACK", since=bobs)
    anna.send(anna.in_dialog("BYE", ok))
    bob.answer(bob.hears("BYE", since=bobs), 200)
    anna.hears(200, method="BYE")

    # The one that talked is hung up.
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bob.answer(bob.hears("BYE", since=bobs, besides=ringing.call_id), 200)
    alice.hears(200, method="BYE")

    # One script hears that nobody answered; the other has slept enough, and dials whom the log has brought back.
    refused = carol.last("INVITE")
    carol.answer(refused, 486)
    refusal = arno.hears(486)
    arno.send(arno.request("ACK", "sip:asked@sip.test", to=refusal.headers.get("To"), call_id=refusal.call_id,
                           tag="arno", cseq=1, branch=refusal.top_via.branch))  # fmt: skip
    rings = carol.hears("INVITE", since=carols, besides=refused.call_id)
    carol.answer(rings, 200, body=SDP.format(carol.host))
    adam.ack(adam.hears(200))
    carol.hears("ACK", since=carols, besides=refused.call_id)
    carol.send(carol.in_dialog("BYE", rings, cseq=70))
    adam.answer(adam.hears("BYE"), 200)
    carol.hears(200, method="BYE")

    assert refusal.reason == "At Last"
    switch.stop()
    assert listed(switch, "calls") == []
    records = {
        (row["sip_call_id"], row["leg"]): (row["status"], row["hung_up_by"])
        for row in listed(switch, "cdrs", "--legs")
    }
    callers = {call_id: how for (call_id, leg), how in records.items() if leg == 0}
    assert callers == {
        "over": (486, "switch"),
        "call-of-alice": (200, "caller"),
        "call-of-anna": (200, "caller"),
        "call-of-arno": (486, "switch"),
        "call-of-adam": (200, "callee"),
    }
    assert len(records) == 10
    assert [line for line in switch.log().splitlines() if '"error"' in line] == []
    if left.release == "0.1.0":
        # The provider has been told the contact of today, which nobody can guess, in the place of the one of then.
        new, old = trunk.hears("REGISTER", since=told).headers.get_all("Contact")
        assert re.fullmatch(r"<sip:[0-9a-f]{20}@127\.82\.0\.1:17082>", new)
        assert old == "<sip:trunk.bob@127.82.0.1:17082>;expires=0"
