"""The pieces that many headers share (RFC 3261 §25.1): tokens, quoted strings, lists, parameters and numbers.

Below them: headers that are one number, and text of strangers as a phone may show it. Every pattern is linear in the
length of its input: what repeats is possessive or cannot overlap what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from sipwright.sip.errors import ParseError

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
IN_QUOTES = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
QUOTED = f'"{IN_QUOTES}"'
HOST = r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\]"

URI_TEXT = r'[^\x00-\x20"<>\x7f]+'  # What can stand between the blanks of a request line.

is_token = re.compile(TOKEN).fullmatch

# No limit has more than ten digits, and int() is quadratic in their number.
_NUMBER = re.compile(r"0*+([1-9][0-9]{0,9})|0++").fullmatch
_PARAM = re.compile(
    rf';[ \t]*({TOKEN})[ \t]*(?:=[ \t]*(?:({QUOTED}|[^ \t";,<>=][^ \t";,<>]*)[ \t]*)?)?|;[ \t]*\Z|(.+)',
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'[,"<(]')
_QUOTED_STRING = re.compile(QUOTED, re.DOTALL)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
_MOST_SECONDS = 2**32 - 1
_MOST_BYTES = 2**32 - 1

_UNSHOWN = "\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Control characters, and those that turn the direction of what follows."""

_CHARACTERS = re.compile(f"[{_UNSHOWN}]")
_IN_A_LINE = re.compile(rf"(\\[^{_UNSHOWN}])|\\?[{_UNSHOWN}]")


def forbid_breaks(text: str) -> None:
    """Refuse what would let whoever chose the text write headers of their own.

    Raises:
        ValueError: There is such a character.
    """
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"a line break in {text[:40]!r}")


def quote(text: str) -> str:
    """Write a quoted-string."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquote(text: str) -> str:
    """Read a quoted-string; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return unescape(text[1:-1])


def unescape(text: str) -> str:
    """Read what stands between the quotes of a quoted-string."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def parse_params(text: str, header: str) -> dict[str, str | None]:
    """Read `;name=value;flag` into a dict; names in lower case, values as written, quotes included.

    Some write a name with nothing behind its "=", or a ";" behind the last one: neither says anything.

    Raises:
        ParseError: One cannot be read, or is there twice; it names `header`.
    """
    params: dict[str, str | None] = {}
    for name, value, garbage in _PARAM.findall(text):
        if not name:
            if not garbage:
                break
            raise ParseError(f"{header} has a parameter that cannot be read at {garbage[:20]!r}", header)
        key = name.lower()
        if key in params:
            raise ParseError(f"{header} has the parameter {key} twice", header)
        params[key] = value or None
    return params


def format_params(params: Mapping[str, str | None]) -> str:
    """Write parameters; the values must be as `parse_params` gave them."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


def read_number(text: str, limit: int) -> int | None:
    """Read decimal digits; None for anything else and for a number above the limit."""
    match = _NUMBER(text)
    if match is None:
        return None
    number = int(match[1] or 0)
    return number if number <= limit else None


def listed(values: Iterable[str]) -> Iterator[str]:
    """Give the elements of a list, of which these are the lines; empty ones say nothing (RFC 9110 §5.6.1.2)."""
    return (part for value in values for part in split_list(value) if part)


def split_list(value: str) -> list[str]:
    """Split a header value at its commas, but not inside quotes, angle brackets or comments.

    Empty elements are kept; `listed` leaves them out.
    """
    if "," not in value:
        return [value.strip(" \t")]
    parts: list[str] = []
    start = position = 0
    reads_comments = True
    while special := _SPECIAL.search(value, position):
        position = special.end()
        character = special.group()
        if character == ",":
            parts.append(value[start : position - 1].strip(" \t"))
            start = position
        elif character == "<":
            position = value.find(">", position) + 1 or len(value)
        elif character == '"':
            quoted = _QUOTED_STRING.match(value, position - 1)
            position = quoted.end() if quoted else len(value)
        elif reads_comments:
            # A parenthesis may also stand in the user part of a URI, where nothing has to close it.
            end = _end_of_comment(value, position)
            reads_comments = end > 0
            position = end or position
    parts.append(value[start:].strip(" \t"))
    return parts


def _end_of_comment(value: str, position: int) -> int:
    depth = 1
    for match in _PARENTHESIS.finditer(value, position):
        if match.group() == "(":
            depth += 1
        elif match.group() == ")":
            depth -= 1
            if not depth:
                return match.end()
    return 0


def parse_seconds(text: str | None) -> int | None:
    """Read delta-seconds, cut to 32 bits; None when it is no number."""
    if text is None:
        return None
    if len(text) < 10 and text.isdigit() and text.isascii():
        return int(text)
    seconds = read_number(text, _MOST_SECONDS)
    if seconds is None and text.isascii() and text.isdigit():
        return _MOST_SECONDS
    return seconds


def parse_max_forwards(text: str) -> int:
    """Read Max-Forwards (RFC 3261 §20.22).

    Raises:
        ParseError: It is no number from 0 to 255.
    """
    hops = read_number(text, 255)
    if hops is None:
        raise ParseError("Max-Forwards is not a number from 0 to 255", "Max-Forwards")
    return hops


def parse_content_length(values: list[str]) -> int:
    """Read Content-Length (RFC 3261 §20.14); more than one must say the same.

    Raises:
        ParseError: It is no number, or there are several.
    """
    lengths = {read_number(value, _MOST_BYTES) for value in values}
    length = lengths.pop()
    if lengths:
        raise ParseError("Content-Length is there twice with different values", "Content-Length")
    if length is None:
        raise ParseError("Content-Length is not a number", "Content-Length")
    return length


def shown(text: str) -> str:
    """Return a text of strangers without what would do something to the screen of a phone.

    A quoted string may have any character behind a backslash (RFC 3261 §25.1, RFC 4475 §3.1.1.2), so that is legal, and
    a display name, a Subject or a reason phrase may be full of it.
    """
    return text if text.isprintable() else _CHARACTERS.sub("", text)


def shown_line(line: str) -> str:
    """Return a line of a header without them, and without the backslash before each; a tab becomes a blank."""
    if line.isprintable():
        return line
    return _IN_A_LINE.sub(lambda match: match[1] or "", line.replace("\t", " "))
