"""Headers: the ordered collection of a message, and one small file per structured header.

What cannot be read is a `ParseError`, which names the header.
"""

from sipwright.sip.headers.auth import Challenge, Credentials
from sipwright.sip.headers.collection import Headers
from sipwright.sip.headers.contact import expires_of, parse_contacts, q_of
from sipwright.sip.headers.cseq import CSeq
from sipwright.sip.headers.date import format_date
from sipwright.sip.headers.name_addr import NameAddr
from sipwright.sip.headers.via import Via

__all__ = [
    "CSeq",
    "Challenge",
    "Credentials",
    "Headers",
    "NameAddr",
    "Via",
    "expires_of",
    "format_date",
    "parse_contacts",
    "q_of",
]
