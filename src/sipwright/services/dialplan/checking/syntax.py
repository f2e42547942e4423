"""Says of a script that cannot be read where that begins, and what to write instead: one problem, not twenty.

A parser goes on after a mistake and finds others that are none. Of what it has found only the first counts, and
Python's own parser is asked as well, as it knows where a bracket was opened. Most mistakes are habits from other
languages, or come from the page that a script was copied from; those are told by the line itself.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import NamedTuple

__all__ = ["Place", "unreadable"]


class Place(NamedTuple):
    """Where something is wrong (both from 1), and what."""

    line: int
    column: int
    message: str


_STRING = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\#.*""")
_QUOTES = frozenset("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2032\u2033")

_HABITS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"^\s*```|^\s*~~~", "leave out the lines with ```, which are of the page that it was copied from"),
        (r"^\s*(?:>>>|\.\.\. )", "leave out >>> and ..., which are of the page that it was copied from"),
        (r"^\s*\d+[:.)|]?\s+[A-Za-z#@]", "leave out the numbers of the lines"),
        (r"^\s*<<<<<<<|^\s*=======|^\s*>>>>>>>", "two versions stand here: keep one, without these marks"),
        (r"&&", "write and"),
        (r"\|\|", "write or"),
        (r"[!=]==", "write == or !="),
        (r"=>", "write >= for a comparison; a dict has : between key and value"),
        (r"=<", "write <="),
        (r"<>", "write !="),
        (r"!(?!=)", "write not"),
        (
            r"^\s*}?\s*(?:else\s+if|elsif|elseif|elif\s*\(.*\)\s*{)\b",
            "write elif, with : at the end of its line",
        ),
        (r"(?:\+\+|--)\s*;?\s*$", "write += 1 or -= 1"),
        (r"^\s*(?:switch|case)\b", "write if, elif and else, or match"),
        (r"^\s*(?:var|let|const|local|my|int|string|bool)\s+\w+\s*=", "write the name alone before ="),
        (r"^\s*(?:function|func|sub|fn)\b", "write def NAME(...):"),
        (r"^\s*(?:foreach)\b", "write for EACH in ALL:"),
        (r"^\s*(?:unless)\b", "write if not"),
        (r"^\s*(?:catch)\b", "write except"),
        (r"^\s*(?:throw)\b", "write raise"),
        (r"^\s*(?:new)\s|=\s*new\s", "leave out new"),
        (r"\bthen\b\s*:?\s*$", "write : instead of then"),
        (r"^\s*print\s+[^(\s]", "write log(...), with brackets"),
        (r"^\s*except\s+\w+\s*,\s*\w+\s*:", "write except ERROR as name:"),
        (
            r"\)\s*{\s*$|^\s*(?:else|try|do|finally)\s*{\s*$|^\s*}\s*(?:else\b.*)?;?\s*$",
            "write : at the end of the line, and indent what belongs to it, instead of { and }",
        ),
        (r"^\s*(?://|/\*|\*/|--)|\s//\s", "write # before a remark"),
        (r"\$\w|\$\{", "names have no $; what was dialled is req.user"),
        (r"\?.*:", "write A if CONDITION else B"),
        (r"\*\*=|:=\s*$", "write ="),
        (r"^\s*return\b", "outside of a function exit() ends the script"),
        (r"\breq\.from\b(?!\.)", "write req.from_user"),
        (r"\.from\b", "write req.Header.From: from is a word of Python"),
        (r"^\s*(?:elif|else)\b.*:\s*$", "it stands below its if, as far to the left"),
        (
            r"^\s*(?:if|elif|while)\b[^=]*[^=!<>:]=(?!=)",
            "= gives a name to something; write == to compare",
        ),
        (
            r"^\s*(?:if|elif|else|for|while|def|class|try|except|finally|with|match|case)\b[^:]*$",
            "its line ends with :",
        ),
    )
)
"""What a line has that is none of Python, strings and remarks left out, and what to write instead."""


def unreadable(source: str, line: int, column: int, message: str) -> Place:
    """Return the one problem to tell, of a script in which a parser has found a first one at that place."""
    lines = source.splitlines() or [""]
    first = Place(line, column, message)
    if (found := _typed_elsewhere(lines)) is not None:
        return found
    own = _own_words(source)
    place = own if own is not None and own.line <= line else first
    for at in dict.fromkeys((place.line, line)):
        if (habit := _habit(lines, at)) is not None:
            return habit
    return place._replace(message=f"{place.message}{_also(place, lines)}")


def _typed_elsewhere(lines: list[str]) -> Place | None:
    """Find a character of a word processor or a web page, which looks like one of Python's and is another."""
    for number, line in enumerate(lines, 1):
        for column, character in enumerate(_blanked(line), 1):
            if character.isascii() or character.isalnum():
                continue
            code = f"U+{ord(character):04X}"
            if character in _QUOTES:
                said = f"{character} ({code}) is a quote of a word processor; write \" or '"
            elif unicodedata.category(character) in ("Zs", "Cf"):
                said = f"there is a character that only looks like a space ({code}); type the spaces anew"
            else:
                plain = unicodedata.normalize("NFKC", character)
                instead = f"; write {plain}" if plain != character and plain.isascii() else ""
                said = f"{character} ({code}) means nothing in Python{instead}"
            return Place(number, column, said)
    return None


def _own_words(source: str) -> Place | None:
    """Return what Python itself says; None where it can read it, or knows less than the language has."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "", "exec", dont_inherit=True)
    except TabError:
        return _tabs(source)
    except SyntaxError as error:
        if error.lineno is None or "f-string" in error.msg:
            return None
        said = re.sub(r" \(detected at line \d+\)| \(<.*", "", error.msg)
        return Place(error.lineno, max(1, error.offset or 1), said)
    except (ValueError, MemoryError, RecursionError):
        return None
    return None


def _tabs(source: str) -> Place:
    lines = source.splitlines()
    number = next((n for n, line in enumerate(lines, 1) if "\t" in line[: len(line) - len(line.lstrip())]), 1)
    return Place(
        number, 1, "tabs and spaces are mixed at the beginning of lines; write four spaces for each tab"
    )


def _habit(lines: list[str], number: int) -> Place | None:
    if not 0 < number <= len(lines):
        return None
    line = _blanked(lines[number - 1])
    for pattern, instead in _HABITS:
        if (found := pattern.search(line)) is not None:
            column = found.start() + len(found[0]) - len(found[0].lstrip()) + 1
            return Place(number, column, f"this is no Python: {instead}")
    return None


def _also(place: Place, lines: list[str]) -> str:
    """Return what to do about some of the things that Python says."""
    if "was never closed" in place.message:
        return "; close it, on this line or a later one"
    if place.message == "invalid syntax":
        return ": this is no Python; docs/dialplans.md shows how a script is written"
    if "unterminated" in place.message:
        return "; a text ends with the quote that it begins with, on its line"
    if "indent" in place.message.lower():
        return "; what belongs to a line with : at its end is four spaces further right, all else as far left as before"
    return ""


def _blanked(line: str) -> str:
    """Return a line with the texts and remarks in it blanked out, as long as before."""
    return _STRING.sub(
        lambda found: f'"{"_" * (len(found[0]) - 2)}"' if found[1] else " " * len(found[0]), line
    )
