"""Makes inputs of other ones: bytes changed, cut out, doubled, put in from elsewhere."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

__all__ = ["LONGEST", "inputs"]

LONGEST = 20_000
"""Bytes of an input at most: more than a reader takes for a head, or for a dial string."""

_INTERESTING = (
    b"", b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\t", b" ", b'"', b"\\", b"<", b">", b"[", b"]", b"{", b"}", b"(",
    b")", b";", b":", b",", b"=", b"@", b"%", b"%00", b"%ff", b"&", b"|", b"*", b"\xff", b"\x80", b"\xed\xa0\x80",
    b"\xc3\xa9", b"\xe2\x80\xa8", b"\xd9\xa3", b"-1", b"0", b"65536", b"4294967296", b"9" * 25, b"9" * 5_000,
    b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b"[" * 2_000, b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"::1", b"fe80::1%eth0",
)  # fmt: skip


def inputs(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Give inputs for ever: first the seeds as they are, then changed ones."""
    yield from seeds
    chance = random.Random(seed)
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            _change(data, seeds, chance)
        yield bytes(data[:LONGEST])


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    begin = chance.randint(0, len(data))
    end = min(len(data), begin + chance.choice((0, 1, 2, 4, 16, 200)))
    match chance.randrange(7):
        case 0:
            data[begin:end] = chance.choice(_INTERESTING)
        case 1:
            del data[begin:end]
        case 2:
            data[begin:begin] = data[begin:end] * chance.choice((1, 2, 50))
        case 3:
            other = chance.choice(seeds)
            start = chance.randint(0, len(other))
            data[begin:end] = other[start : start + chance.choice((1, 8, 64, 1_000))]
        case 4 if data:
            data[begin - 1] ^= 1 << chance.randrange(8)
        case 5 if data:
            data[begin - 1] = chance.randrange(256)
        case _:
            del data[begin:]
