"""What to write instead of what the type checker refuses: an argument's name, a number in quotes, ``await``."""

from __future__ import annotations

import difflib
import re

from sipwright.services.leg_options import OPTIONS

from ..language.catalogue import CATALOGUE

__all__ = ["instead_of"]

_ARGUMENTS = {
    **dict.fromkeys(("timeout", "ring_time", "ringtime", "seconds", "duration", "wait_time", "ring_timeout"), "ring"),
    **dict.fromkeys(
        ("callerid", "caller_id", "caller", "cid", "cid_num", "clid", "from_number", "from_", "caller_id_number"),
        "from_user",
    ),
    **dict.fromkeys(("caller_name", "callerid_name", "cid_name", "from_display", "display_name", "name"), "from_name"),
    **dict.fromkeys(("max_duration", "max_time", "max_seconds", "call_limit", "max_length"), "limit"),
    **dict.fromkeys(("code", "status_code"), "status"), **dict.fromkeys(("text", "phrase", "message"), "reason"),
    **dict.fromkeys(("country", "country_code", "locale"), "region"),
    **dict.fromkeys(("extra_headers", "sip_headers", "hdrs"), "headers"),
    **dict.fromkeys(("tz", "zone", "time_zone"), "timezone"),
    **dict.fromkeys(("params", "form", "body", "content"), "data"),
    **dict.fromkeys(("number", "destination", "dest", "extension", "endpoint"), "target"),
    **dict.fromkeys(("msg", "content"), "body"), "default_value": "default",
}  # fmt: skip
"""How others call an argument of a function of ours."""

_UNKNOWN = re.compile(r"Argument `(\w+)` does not match any known parameter of function `(\w+)`")
_TOO_MANY = re.compile(r"Too many positional arguments to function `(\w+)`: expected (\d+)")
_EXPECTED = re.compile(r"Expected `([^`]+)`, found `([^`]+)`")
_QUOTED = re.compile(r'Literal\["(-?\d+(?:\.\d+)?)"\]')
_OPTION = re.compile(r"unknown option '(\w+)'")
_BRACES = re.compile(r"""(?<![rRbBfF])(["'])\{[a-z_]""")
_IDENTIFIER = re.compile(r"\w+")


def instead_of(message: str, line: str = "", column: int = 1) -> str | None:
    """Return what to write instead of what is at that place of a line; None where nothing is known."""
    if match := _UNKNOWN.search(message):
        return _argument(match[1], match[2])
    if match := _TOO_MANY.search(message):
        return _named(match[1], int(match[2]))
    if match := _EXPECTED.search(message):
        return _value(*match.groups())
    if (found := _OPTION.search(message)) is not None:
        close = difflib.get_close_matches(found[1].lower(), [*OPTIONS, "header"], n=1, cutoff=0.6)
        return f"did you mean {close[0]}?" if close else f"a leg takes {', '.join([*OPTIONS, 'header'])}"
    if "expected a provider, user@place or sip: address at" in message:
        return _no_target(line)
    if "is not callable" in message:
        found = _IDENTIFIER.match(line, column - 1)
        return f"give what you named {found[0]} another name" if found else None
    for said, instead in _SAID:
        if said in message:
            return instead
    return None


def _no_target(line: str) -> str | None:
    if _BRACES.search(line):
        return 'put f before the quotes: f"{req.user}@local"'
    return "one & or | is enough" if "&&" in line or "||" in line else None


def _argument(name: str, function: str) -> str | None:
    if function not in CATALOGUE:
        return None
    known = list(CATALOGUE[function].signature.parameters)[1:]
    if name.lower() in _ARGUMENTS and _ARGUMENTS[name.lower()] in known:
        return f"write {_ARGUMENTS[name.lower()]}="
    if function.startswith("http") and name == "timeout":
        return "each request has 4 seconds: [dialplan] has the limits"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"{function}() takes {', '.join(known)}"


def _named(function: str, expected: int) -> str | None:
    if function not in CATALOGUE:
        return None
    named = [
        one.name for one in CATALOGUE[function].signature.parameters.values() if one.kind is one.KEYWORD_ONLY
    ]
    return f"write the others with their names, as in {function}(..., {named[0]}=...)" if named else None


def _value(expected: str, found: str) -> str | None:
    if (number := _QUOTED.fullmatch(found)) and ("float" in expected or "int" in expected):
        return f"write {number[1]}, without quotes"
    if "DialResult" in found and "Awaitable" in expected:
        return _WAITS
    if expected.startswith("dict[str, str]"):
        return 'write {"Name": "value"}'
    if "Literal[" in found and found[8:9].isdigit() and expected.startswith("str"):
        return f'write "{found[8:-1]}", with quotes'
    if expected == "int" and found.startswith('Literal["'):
        return 'the number comes first, as in respond(486, "Busy Here")'
    return None


_WAITS = "write it without await, async and asyncio: whatever takes its time waits by itself"
_SAID = (
    ("is not awaitable", _WAITS),
    ("is not awaited", "write def without async"),
    (
        "(has type `DialResult`)",
        "what stands behind dial() runs only if nobody answered; dial(..., wait=True).answered says so",
    ),
    (
        "subscript on an object of type `Headers`",
        'headers are set for whom you ring: dial(..., headers={"X-Name": "value"})',
    ),
    ("subscript on an object of type `Store`", "write store.set(key, value)"),
    ("Cannot subscript object of type `Store`", "write store.get(key)"),
    (
        "read-only property `user` on object of type `Request`",
        "what was dialled stays as it is: dial() rings whom you name",
    ),
    ("read-only property `from_user` on object of type `Request`", "write dial(..., from_user=...)"),
    ("read-only property `from_name` on object of type `Request`", "write dial(..., from_name=...)"),
    ("read-only property", "it stays as it is; keep what you need in a name of your own"),
    ("Operator `+` is not supported between objects of type `str`", 'write f"{a}{b}", or str() around the number'),
    ("expected & or | or the end at", "write & between legs that ring at once, | before the one that rings next"),
    ("expected , or ] at", "what [ has opened ends with ]"),
    ("cannot be the name of a provider", "write 101@local, or 101@ and the name of a provider"),
    ("Unary operator", "leave out the + and - of a comparison of versions before the lines"),
    ("Wildcard imports", "name what you use, as in from math import floor"),
    ("class inheritance", "write functions, or classes without a base"),
    ("yield expressions", "return a list"),
    ("the 'del' statement", "write NAME = None, or d.pop(key)"),
)  # fmt: skip
"""What a message has in it, and what to write instead; the first that fits counts."""
