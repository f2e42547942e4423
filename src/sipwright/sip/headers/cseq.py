"""CSeq: a number and a method (RFC 3261 §20.16)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import TOKEN, read_number

_CSEQ = re.compile(rf"([0-9]+)[ \t]+({TOKEN})")
_LARGEST = 2**31 - 1


class CSeq(NamedTuple):
    """Orders the requests of a dialog and ties responses to them."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read the value of a CSeq header."""
        match = _CSEQ.fullmatch(text)
        if match is None:
            raise ParseError("CSeq is not a number and a method", "CSeq")
        digits, method = match.groups()
        number = int(digits) if len(digits) < 10 else read_number(digits, _LARGEST)
        if number is None:
            raise ParseError("CSeq has a number of 2**31 or more", "CSeq")
        return cls(number, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
