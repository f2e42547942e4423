"""A DNS server on the loopback, which answers from a table, or badly."""

from __future__ import annotations

import asyncio
import contextlib

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

__all__ = ["NameServer"]


class NameServer(asyncio.DatagramProtocol):
    """Answers from zone lines such as ``pbx.test. 60 IN A 192.0.2.1``.

    `mood` is ``well``, ``silent`` (says nothing), ``refuses``, ``fails`` (SERVFAIL), ``lies`` (answers something else)
    or ``talks nonsense``. `asked` is what was asked, as ``name kind``; for those names or kinds `moods` has others.
    """

    def __init__(self, *lines: str) -> None:
        self.mood = "well"
        self.moods: dict[str, str] = {}
        self.asked: list[str] = []
        self.address = ("", 0)
        self._records: list[dns.rrset.RRset] = []
        self.set(*lines)

    def set(self, *lines: str) -> None:
        """Change what it knows."""
        self._records = []
        for line in lines:
            name, ttl, family, kind, data = line.split(" ", 4)
            for known in self._records:
                if str(known.name) == name and known.rdtype == dns.rdatatype.from_text(kind):
                    known.add(dns.rrset.from_text(name, ttl, family, kind, data)[0])
                    break
            else:
                self._records.append(dns.rrset.from_text(name, ttl, family, kind, data))

    async def start(self) -> None:
        """Listen on a port of the loopback."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.address = self._transport.get_extra_info("sockname")

    def close(self) -> None:
        """Answer nobody any more."""
        self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a question."""
        with contextlib.suppress(dns.exception.DNSException):
            if (answer := self._answer(dns.message.from_wire(data))) is not None:
                self._transport.sendto(answer, address)

    def _answer(self, query: dns.message.Message) -> bytes | None:
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{question.name} {kind}")
        response = dns.message.make_response(query)
        match self.moods.get(f"{question.name} {kind}") or self.moods.get(kind, self.mood):
            case "silent":
                return None
            case "refuses":
                response.set_rcode(dns.rcode.REFUSED)
            case "fails":
                response.set_rcode(dns.rcode.SERVFAIL)
            case "talks nonsense":
                return b"\xff" * 40
            case "lies":
                response.answer.append(dns.rrset.from_text("other.test.", 60, "IN", "A", "192.0.2.66"))
            case _:
                response.answer += [
                    record
                    for record in self._records
                    if record.name == question.name and record.rdtype == question.rdtype
                ]
                if not any(record.name == question.name for record in self._records):
                    response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()
