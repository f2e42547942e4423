"""What calls cost a node while nobody watches the phones that they ring, and while ten busy lamps watch each of them.

A thousand phones and ten thousand lamps, inside of one process, without sockets and disk, as in `hotpath.py`: CPU of a
call in microseconds, with the NOTIFYs that it causes and the answers to them, and without what the phones and the lamps
do here to say theirs. The lamps of a call hear of it three times: it rings, it talks, it is over.

Then the same lamps as the keys of a thousand phones, each of which watches ten others with one subscription (RFC 4662),
while calls come at several rates: a phone is told once a second at most, however much has changed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque

import uvloop
from hotpath import (
    CALLEE,
    PHONE,
    SDP,
    Bench,
    Datagrams,
    authorized,
    in_dialog,
    invite,
    open_bench,
    register,
    respond,
    to_callee,
)

from sipwright.services.ports import AccountView
from sipwright.sip import parse
from sipwright.sip.digest import answer, ha1

LAMPS = ("127.0.0.1", 6070)
GATHERED = 0.15
"""Seconds within which what has changed is told (services/notifier/teller.py:GATHER)."""

PACE = 1.05
"""Seconds between two NOTIFYs to one lamp."""


TICK = 0.02
RINGS, TALKS = 0.5, 0.5
"""Seconds of a call, where calls come at a rate."""

SPREAD = 611
"""From one phone that is called to the next one, so that those of a list are not called one after the other."""


def subscribe(phone: int, lamp: int, cseq: int, authorization: str = "", more: str = "") -> bytes:
    """Return the SUBSCRIBE of a lamp for a phone."""
    tag = f"{phone}-{lamp}"
    return (
        f"SUBSCRIBE sip:u{phone}@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:6070;branch=z9hG4bK-{tag}-{cseq};rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:u{phone}@127.0.0.1>;tag={tag}\r\nTo: <sip:u{phone}@127.0.0.1>\r\nCall-ID: {tag}@lamps\r\n"
        f"CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:u{phone}@127.0.0.1:6070>\r\nEvent: dialog\r\nExpires: 3600\r\n"
        f"Accept: application/dialog-info+xml\r\n{more}{authorization}Content-Length: 0\r\n\r\n"
    ).encode()


def authorization_for(phone: int, challenged: bytes) -> str:
    challenges = parse(challenged).headers.get_all("WWW-Authenticate")
    uri, name = f"sip:u{phone}@127.0.0.1", f"u{phone}"
    value = answer(challenges, "SUBSCRIBE", uri, name, lambda realm, _: ha1(name, realm, "secret"), "c1")
    return f"Authorization: {value}\r\n"


class Lamps:
    """The calls, and the lamps that answer what they are told."""

    def __init__(self, bench: Bench, phones: int) -> None:
        self.bench = bench
        self.phones = range(phones)
        self.told = 0
        self.spent = 0.0

    def register(self) -> None:
        """Register every phone."""
        asked = [to_callee(register(f"u{number}", number, 1)) for number in self.phones]
        _, challenged = self.bench.step("", asked, CALLEE)
        pairs = zip(self.phones, challenged, strict=True)
        self.bench.step("", [to_callee(authorized(f"u{n}", n, data)) for n, data in pairs], CALLEE)

    async def light(self, lamps: int) -> None:
        """Let so many lamps watch each phone."""
        wanted = [(phone, lamp) for phone in self.phones for lamp in range(lamps)]
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            self.bench.step("", [subscribe(*one, 1) for one in some], LAMPS)
            challenged = self._heard()
            again = [
                subscribe(*one, 2, authorization_for(one[0], data))
                for one, data in zip(some, challenged, strict=True)
            ]
            self.bench.step("", again, LAMPS)
            self._acknowledge()
            await self._settle(0.0)
        self.told = 0

    async def list_lamps(self, lamps: int) -> None:
        """Let the lamps of each phone watch so many others, by one list; a list has the name of that phone here."""
        notifier, count = self.bench._node.notifier, len(self.phones)

        def members_of(account: AccountView) -> tuple[tuple[str, str], ...]:
            number = int(account.username[1:])
            return tuple((f"u{(number + 1 + beside) % count}", account.domain) for beside in range(lamps))

        notifier.lists._ports.members_of = members_of
        more = "Supported: eventlist\r\n"
        for start in range(0, count, 500):
            some = range(start, min(start + 500, count))
            self.bench.step("", [subscribe(phone, 99, 1, more=more) for phone in some], LAMPS)
            challenged = self._heard()
            pairs = zip(some, challenged, strict=True)
            again = [subscribe(one, 99, 2, authorization_for(one, data), more) for one, data in pairs]
            self.bench.step("", again, LAMPS)
            self._acknowledge()
            await self._settle(0.0)
        assert notifier.snapshot().subscriptions == {"dialog": count}
        self.told = 0

    async def put_out(self) -> None:
        """Let nobody watch any more."""
        notifier = self.bench._node.notifier
        for subscriber in list(notifier.subscribers.values()):
            subscriber.machine.subscribe(0, time.monotonic())
            notifier.teller.go_on(subscriber)
        while notifier.subscribers:
            await self._settle(0.1)

    def _heard(self) -> list[bytes]:
        return [data for data, peer in self.bench._sent if peer == LAMPS]

    def _acknowledge(self) -> None:
        while notifies := [data for data in self._heard() if data.startswith(b"NOTIFY")]:
            self.told += len(notifies)
            self._step([respond(data, "200 OK", 1) for data in notifies], LAMPS)
        self.bench._sent.clear()

    def _step(self, datagrams: Datagrams, source: tuple[str, int]) -> tuple[Datagrams, Datagrams]:
        """Let the node hear them, and note what that takes."""
        started = time.process_time()
        sent = self.bench.step("", datagrams, source)
        self.spent += time.process_time() - started
        return sent

    async def _settle(self, seconds: float) -> None:
        """Let time pass, in which lamps are told, and answer."""
        until = time.monotonic() + seconds
        while True:
            started = time.process_time()
            await asyncio.sleep(TICK)
            self.bench._writer.commit()
            self.spent += time.process_time() - started
            self._acknowledge()
            if time.monotonic() >= until:
                return

    async def call(self, first: int) -> float:
        """Let every phone be called once; returns the CPU of a call in microseconds."""
        numbers = [first + number for number in self.phones]
        self.spent = 0.0
        asked = [
            invite(number).replace(b"sip:service@", b"sip:u%d@" % phone)
            for number, phone in zip(numbers, self.phones, strict=True)
        ]
        _, invites = self._step(asked, PHONE)
        pairs = list(zip(numbers, invites, strict=True))
        self._step([respond(data, "180 Ringing", n) for n, data in pairs], CALLEE)
        await self._settle(GATHERED)
        answered, _ = self._step([respond(data, "200 OK", n, SDP) for n, data in pairs], CALLEE)
        self._step([in_dialog(n, "ACK", data) for n, data in zip(numbers, answered, strict=True)], PHONE)
        await self._settle(PACE)
        _, byes = self._step(
            [in_dialog(n, "BYE", data) for n, data in zip(numbers, answered, strict=True)], PHONE
        )
        self._step([respond(data, "200 OK", n) for n, data in zip(numbers, byes, strict=True)], CALLEE)
        await self._settle(PACE)
        self.bench.forget("", len(numbers))
        return 1e6 * self.spent / len(numbers)

    async def traffic(self, first: int, rate: int, seconds: float) -> tuple[float, float]:
        """Let phones be called at a rate; returns the CPU of a call in microseconds, and the NOTIFYs that it causes."""
        rings: deque[tuple[float, int, bytes]] = deque()
        talks: deque[tuple[float, int, bytes]] = deque()
        number, begun, self.spent, self.told = first, time.monotonic(), 0.0, 0
        while (passed := time.monotonic() - begun) < seconds or rings or talks:
            wanted = first + int(rate * min(passed, seconds))
            rings.extend(self._ring(range(number, wanted), passed))
            number = wanted
            talks.extend(self._answer(_due(rings, passed), passed))
            self._hang_up(_due(talks, passed))
            await self._settle(0.0)
        count, spent, told = number - first, self.spent, self.told
        await self._settle(PACE)
        self.bench.forget("", count)
        return 1e6 * spent / count, told / count

    def _ring(self, numbers: range, now: float) -> list[tuple[float, int, bytes]]:
        phones = len(self.phones)
        asked = [
            invite(one).replace(b"sip:service@", b"sip:u%d@" % (one * SPREAD % phones)) for one in numbers
        ]
        _, invites = self._step(asked, PHONE) if asked else ([], [])
        pairs = list(zip(numbers, invites, strict=True))
        if pairs:
            self._step([respond(data, "180 Ringing", one) for one, data in pairs], CALLEE)
        return [(now + RINGS, one, data) for one, data in pairs]

    def _answer(self, calls: list[tuple[int, bytes]], now: float) -> list[tuple[float, int, bytes]]:
        if not calls:
            return []
        answered, _ = self._step([respond(data, "200 OK", one, SDP) for one, data in calls], CALLEE)
        pairs = [(one, data) for (one, _), data in zip(calls, answered, strict=True)]
        self._step([in_dialog(one, "ACK", data) for one, data in pairs], PHONE)
        return [(now + TALKS, one, data) for one, data in pairs]

    def _hang_up(self, calls: list[tuple[int, bytes]]) -> None:
        if calls:
            _, byes = self._step([in_dialog(one, "BYE", data) for one, data in calls], PHONE)
            self._step(
                [respond(data, "200 OK", one) for (one, _), data in zip(calls, byes, strict=True)], CALLEE
            )


def _due(waiting: deque[tuple[float, int, bytes]], now: float) -> list[tuple[int, bytes]]:
    found = []
    while waiting and waiting[0][0] <= now:
        _, number, data = waiting.popleft()
        found.append((number, data))
    return found


async def at_rates(lamps: Lamps, rates: list[int], seconds: float, first: int) -> list[tuple[float, float]]:
    """Measure calls at each rate; the phones of a round begin where those of the last one end."""
    found = []
    for rate in rates:
        found.append(await lamps.traffic(first, rate, seconds))
        first += int(rate * seconds) + 1
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=1_000)
    parser.add_argument("--lamps", type=int, default=10, help="of each phone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", default="100,300,1000", help="calls a second, while lists are watched")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each rate")
    parser.add_argument("--json", action="store_true", help="print the figures of each round as JSON")
    given = parser.parse_args()
    async with open_bench(given.phones) as bench:
        lamps = Lamps(bench, given.phones)
        lamps.register()
        rounds = range(1, given.rounds + 1)
        plain = [await lamps.call(number * 1_000_000) for number in rounds]
        await lamps.light(given.lamps)
        seen = [await lamps.call((given.rounds + number) * 1_000_000) for number in rounds]
        told = lamps.told / len(rounds) / given.phones
        await lamps.put_out()
        rates, first = [int(rate) for rate in given.rates.split(",")], 100_000_000
        alone = await at_rates(lamps, rates, given.seconds, first)
        await lamps.list_lamps(given.lamps)
        listed = await at_rates(lamps, rates, given.seconds, 2 * first)
        if given.json:
            each = [(more - one) / told for one, more in zip(plain, seen, strict=True)]
            found = {"a call": plain, f"one that {given.lamps} lamps watch": seen, "a NOTIFY": each}
            for rate, (one, _), (more, _) in zip(rates, alone, listed, strict=True):
                found[f"a call, {rate} a second"] = [one]
                found[f"one that lists watch, {rate} a second"] = [more]
            print(json.dumps(found))
            return
        least, watched = min(plain), min(seen)
        print(f"  a call                      {least:7.1f} us")
        print(f"  one that {given.lamps:>2} lamps watch     {watched:7.1f} us, {told:.1f} NOTIFYs")
        share = (watched - least) / told if told else 0.0
        print(f"  a NOTIFY and its answer     {share:7.1f} us, {100 * share / least:.0f} % of a call")
        for rate, (one, _), (more, sent) in zip(rates, alone, listed, strict=True):
            print(
                f"  {rate:>5} calls a second       {one:7.1f} us; watched by lists {more:7.1f} us, "
                f"{sent:.1f} NOTIFYs, {100 * (more - one) / one:.0f} % more"
            )


if __name__ == "__main__":
    uvloop.run(main())
