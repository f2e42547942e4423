"""What each target begins with."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from recorded_registers import RECORDED
from sipwright.sdp import offer_silence
from sipwright.services.dialplan.sandbox.continuation import Continuation, Dump, Replay, encode
from sipwright.services.dialplan.sandbox.fastpath.field_numbers import Call, Event, Position, State
from sipwright.services.dialplan.sandbox.fastpath.monty_values import write_arena, write_value
from sipwright.services.dialplan.sandbox.fastpath.protobuf import field, number, places, text, varint
from sipwright.services.switch.recovery.document import FORMAT
from sipwright.services.switch.recovery.upgrade import upgraded
from sipwright.store.writing import log_records
from sipwright.stun import Kind, Probe, write_probe, write_stun
from sipwright.stun.message import Attribute, write_address, write_attribute

__all__ = ["CORPUS", "seeds_of"]

TESTS = Path(__file__).parents[1]
CORPUS = Path(__file__).parent / "corpus"


@cache
def seeds_of(target: str) -> tuple[bytes, ...]:
    """Return the inputs to begin with, those that were once findings first."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    return tuple(kept + _MADE[target]())


def _messages() -> list[bytes]:
    found = []
    for path in sorted((TESTS / "torture").glob("*.txt")):
        lines = [line for line in path.read_bytes().splitlines() if not line.startswith(b"# ")]
        found.append(b"\r\n".join([*lines, b"" if b"" in lines else b"\r\n"]))
    return found


def _descriptions() -> list[bytes]:
    video = (
        b"v=0\r\no=- 1 2 IN IP6 fd00::1\r\ns=-\r\nc=IN IP6 fd00::1\r\nt=0 0\r\na=x-rendezvous:abcdefghijklmnop\r\n"
        b"m=audio 4000/2 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=fmtp:101 0-15\r\na=rtcp:4001 IN IP4 10.0.0.1\r\n"
        b"a=x-rendezvous:abcdefghijklmnop\r\na=sendonly\r\nm=video 0 RTP/SAVPF 96\r\nc=IN IP4 10.0.0.1/127/3\r\n"
        b"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\n"
    )
    part = b"--x\r\nContent-Type: application/sdp\r\n\r\n" + video + b"\r\n--x\r\n\r\n\r\n--x--\r\n"
    return [offer_silence(1, 2), video, video.replace(b"\r\n", b"\n"), part]


def _stun() -> list[bytes]:
    transaction = bytes.fromhex("2112a442") + bytes(range(12))
    probes = [
        Probe(0, ("192.0.2.8", 3_478), change) for change in ((False, False), (True, False), (True, True))
    ]
    address = write_address(("192.0.2.1", 4_000), transaction)
    wide = write_address(("2001:db8::1", 4_000), transaction)
    return [
        *(write_probe(probe, bytes(range(12))) for probe in probes),
        write_stun(Kind.REQUEST, transaction, [write_attribute(Attribute.USERNAME, b"somebody")]),
        write_stun(Kind.REQUEST, transaction, [write_attribute(Attribute.RESPONSE_PORT, b"\x10\0")]),
        *(
            write_stun(Kind.SUCCESS, transaction, [write_attribute(kind, value)], is_signed=True)
            for kind in (Attribute.XOR_MAPPED_ADDRESS, Attribute.MAPPED_ADDRESS, Attribute.OTHER_ADDRESS)
            for value in (address, wide)
        ),
    ]


def _dial_strings() -> list[bytes]:
    return [
        b"bob@local",
        b'alice@local[ring=20,from_name="A, \\"B\\""] & sip:bob@[2001:db8::1]:5060;transport=tcp | 00${number:1}@trunk',
        b"<sip:bob@example.org?Subject=hello>[delay=3, transfer=place] | tel:+3531234567;phone-context=x",
        "ren\u00e9@local & sips:a%20b@example.org".encode(),
    ]


def _calls() -> list[bytes]:
    found = []
    for path in sorted(TESTS.glob("golden/*/calls/*.json")):
        for document in json.loads(path.read_text())["calls"].values():
            if isinstance(document, list):
                found.append(json.dumps(document).encode())
                document = upgraded(document, document[0], FORMAT)
            found.append(json.dumps(document).encode())
    return found


def _runs() -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(TESTS.glob("golden/*/runs/*.json"))]


def _journals() -> list[bytes]:
    entry = '{"sequence":1,"at":2.5,"function":"dial","arguments":{"to":["bob"]},"result":null}'
    return [
        b"[]",
        b'[[1,2.5,"dial",{"to":["bob"]},null]]',
        f'{{"format":2,"entries":[{entry},{entry}]}}'.encode(),
        *(json.dumps(run["journal"]).encode() for run in _runs()),
    ]


def _continuations() -> list[bytes]:
    functions = {"deadline": 12.5, "used": {"http_requests": 1}, "variables": 3}
    found = [
        encode(Continuation(functions, Replay(12, ["a", 1.5, None]), 3)),
        encode(Continuation(functions, Dump(b"\0\1\2"))),
    ]
    for run in _runs():
        execution = run["execution"]
        snapshot = execution.get("snapshot") if isinstance(execution, dict) else None
        if isinstance(snapshot, str):
            found.append(snapshot.encode("latin-1"))
    return found


def _log() -> list[bytes]:
    begun, gone = (
        b"".join(log_records.encode(each)) for each in (log_records.heading(), {"call": {"b": None}})
    )
    return [begun, begun + gone, begun + gone[:-1] + gone]


def _control() -> list[bytes]:
    return [
        b'{"id":1,"name":"status"}\n',
        b'{"id":2,"name":"call list","arguments":{"user":"alice","most":3}}\n',
    ]


def _sandbox() -> list[bytes]:
    nodes: list[bytes] = []
    at = [write_value(value, nodes) for value in ("bob", -3, 2.5, None, True, {"a": [1, ("x",)]})]
    position = text(Position.FILENAME, "plan") + number(Position.START, 40)
    call = (
        text(Call.NAME, "dial")
        + field(Call.ARGS, places(at))
        + number(Call.CALL_ID, 7)
        + field(Call.VALUES, write_arena(nodes))
        + field(Call.POSITION, position)
    )
    return [
        field(Event.CALL, call) + varint(Event.MICROSECONDS << 3) + varint(300),
        field(Event.OK, b""),
        field(Event.COMPLETE, b""),
        field(Event.DUMPED, field(State.BYTES, b"dump")),
    ]


_MADE = {
    "sip": _messages,
    "registers": lambda: [*RECORDED, *_messages()],
    "sdp": _descriptions,
    "stun": _stun,
    "dial": _dial_strings,
    "calls": _calls,
    "journals": _journals,
    "continuations": _continuations,
    "log": _log,
    "control": _control,
    "sandbox": _sandbox,
}
