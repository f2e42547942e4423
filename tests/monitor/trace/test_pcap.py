"""A call as a capture: each message in one datagram between the ends of its flow."""

import struct

import pytest

from sipwright.monitor.trace.ladder import Rung
from sipwright.monitor.trace.pcap import capture

MESSAGE = b"BYE sip:a@b SIP/2.0\r\n\r\n"


def rung(flow, is_to_switch=True, at=0.25, data=MESSAGE):
    return Rung(at, 1, is_to_switch, "BYE", flow, data)


def packets(captured):
    """The instants and the packets of a capture, behind its head."""
    assert captured[:24] == bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 00000400 65000000")
    found, place = [], 24
    while place < len(captured):
        seconds, micros, kept, length = struct.unpack_from("<IIII", captured, place)
        assert kept == length
        found.append((seconds + micros / 1e6, captured[place + 16 : place + 16 + length]))
        place += 16 + length
    return found


def total(data):
    """The sum of the Internet (RFC 1071), which is all ones over what has its own checksum in it."""
    numbers = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    found = sum(numbers)
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return found


@pytest.mark.parametrize("is_to_switch", [True, False])
def test_a_message_is_a_datagram_from_who_said_it(is_to_switch):
    ((at, packet),) = packets(capture([rung("udp/192.0.2.1:5060/203.0.113.9:40000", is_to_switch)], 100.0))
    switch, phone = (bytes([192, 0, 2, 1]), 5060), (bytes([203, 0, 113, 9]), 40000)
    source, target = (phone, switch) if is_to_switch else (switch, phone)

    assert at == 100.25
    assert (packet[0], packet[9], struct.unpack("!H", packet[2:4])[0]) == (0x45, 17, len(packet))
    assert (packet[12:16], packet[16:20]) == (source[0], target[0])
    assert struct.unpack("!HHH", packet[20:26]) == (source[1], target[1], 8 + len(MESSAGE))
    assert packet[28:] == MESSAGE
    assert total(packet[:20]) == 0xFFFF
    assert total(packet[12:20] + struct.pack("!HH", 17, len(packet) - 20) + packet[20:]) == 0xFFFF


@pytest.mark.parametrize(
    ("flow", "source"),
    [
        ("tls/[2001:db8::1]:5061/[2001:db8::2]:6000", bytes.fromhex("20010db8000000000000000000000002")),
        ("tcp/[::]:5060/203.0.113.9:6000", bytes.fromhex("00000000000000000000ffffcb007109")),
        ("other!ws/[2001:db8::1]:80/[fe80::1%eth0]:9", bytes.fromhex("fe800000000000000000000000000001")),
    ],
)
def test_ipv6_and_other_ways_are_datagrams_too(flow, source):
    ((_, packet),) = packets(capture([rung(flow)], 0.0))

    assert (packet[0] >> 4, packet[6], packet[8:24], packet[48:]) == (6, 17, source, MESSAGE)
    assert total(packet[8:40] + struct.pack("!II", len(packet) - 40, 17) + packet[40:]) == 0xFFFF


def test_what_was_on_no_wire_is_not_there():
    assert packets(capture([rung("loop/127.0.0.1:0/127.0.0.1:0"), rung("udp/a/b"), rung("")], 0.0)) == []


def test_a_message_that_no_datagram_holds_is_cut():
    ((_, packet),) = packets(capture([rung("tcp/192.0.2.1:1/192.0.2.2:2", data=b"x" * 70_000)], 0.0))

    assert struct.unpack("!H", packet[2:4])[0] == len(packet)
