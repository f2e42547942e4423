"""The shape shared by From, To, Contact, Route and many more: a name, a URI and parameters.

RFC 3261 §20.10 and §25.1 (name-addr, addr-spec). `Contact: *` is in contact.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sipwright.memo import Memo
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import (
    IN_QUOTES,
    QUOTED,
    TOKEN,
    format_params,
    listed,
    parse_params,
    quote,
    unescape,
    unquote,
)
from sipwright.sip.uri import STAR, Uri

# An unquoted display name should be tokens only, but phones put anything there (RFC 4475 §3.1.2.15
# lets us infer the quotes).
_NAME_ADDR = re.compile(
    rf'(?:"({IN_QUOTES})"[ \t]*|([^"<]*+))<([^<>]*+)>(?:;tag=({TOKEN})|[ \t]*(.*))', re.DOTALL
).fullmatch


_ADDRESS_LINE = re.compile(
    rf'[^:]*+:[ \t]*+((?:{QUOTED}[ \t]*+|[^"<]*+)<([^<>]++)>)(?:;tag=({TOKEN}))?'
).fullmatch


def _usual_address(line: str) -> tuple[str, str, str | None] | None:
    match = _ADDRESS_LINE(line)
    return None if match is None else (match[1], match[2], match[3])


ADDRESS_LINES = Memo(_usual_address, most=16_384, longest=150)
"""Of a whole line with an address in angle brackets and nothing but a tag behind it, as nearly every From and To:
the address byte for byte, the URI in it, and the tag. All messages of a dialog have the same ones."""


class NameAddr:
    """A display name, a URI and parameters; its attributes are for reading.

    Attributes:
        display_name: Unquoted; None when there is none.
        params: Names in lower case, values as they were written, quotes included; None for a flag.
    """

    __slots__ = ("_text", "display_name", "params", "uri")

    display_name: str | None
    uri: Uri
    params: Mapping[str, str | None]

    def __init__(
        self,
        uri: Uri | str,
        display_name: str | None = None,
        params: Mapping[str, str | None] | None = None,
    ) -> None:
        self.uri = Uri.parse(uri) if isinstance(uri, str) else uri
        self.display_name = display_name
        self.params = {} if params is None else dict(params)
        self._text: str | None = None

    @classmethod
    def parse(cls, text: str, header: str = "The address") -> NameAddr:
        """Read one address; `header` is the name to use in an error."""
        text = text.strip(" \t")
        self = cls.__new__(cls)
        self._text = text
        match = _NAME_ADDR(text)
        tag = None
        if match is None:
            # Without angle brackets everything after ";" belongs to the header, and "?" may not be there.
            address, semicolon, params = text.partition(";")
            if "?" in address or '"' in address or "," in address:
                raise ParseError(f"{header} has a URI that needs angle brackets: {address[:40]}", header)
            self.display_name = None
            address = address.rstrip(" \t")
            params = semicolon + params
        else:
            quoted, plain, address, tag, params = match.groups()
            if quoted is not None:
                self.display_name = unescape(quoted) if "\\" in quoted else quoted
            else:
                self.display_name = plain.rstrip(" \t") or None if plain else None
        try:
            self.uri = Uri.parse(address)
        except ParseError as error:
            raise ParseError(error.reason.replace("The", f"{header}: the", 1), header) from None
        if tag is not None:
            self.params = {"tag": tag}
        else:
            self.params = parse_params(params, header) if params else {}
        return self

    @classmethod
    def parse_list(cls, values: Sequence[str], header: str = "The address") -> list[NameAddr]:
        """Read the values of a header that may hold several addresses."""
        if not values:
            return []
        if len(values) == 1 and values[0] and "," not in values[0]:
            return [cls.parse(values[0], header)]
        return [cls.parse(part, header) for part in listed(values)]

    @property
    def tag(self) -> str | None:
        """The tag parameter (RFC 3261 §19.3)."""
        return self.params.get("tag")

    def param(self, name: str) -> str | None:
        """Give the value of a parameter, unquoted; None too for a flag."""
        value = self.params.get(name)
        return value if value is None else unquote(value)

    def __str__(self) -> str:
        if self._text is None:
            if self.uri is STAR:
                return "*"
            name = "" if self.display_name is None else quote(self.display_name) + " "
            self._text = f"{name}<{self.uri}>{format_params(self.params)}"
        return self._text

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAddr):
            return NotImplemented
        return (self.display_name, self.uri, self.params) == (other.display_name, other.uri, other.params)

    def __hash__(self) -> int:
        return hash((self.display_name, self.uri))
