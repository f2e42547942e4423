"""The numbers of the fields in ``monty.proto`` that the fast path reads and writes, by message, and nowhere else.

They are those of protocol 6, which pydantic-monty ``TESTED_VERSION`` speaks. Another version of the package is not
spoken to in this way (``fast_backend.py``): look here first when it comes, and at the bytes in the tests.
"""

from __future__ import annotations

__all__ = [
    "PROTOCOL", "TESTED_VERSION", "Arena", "Call", "Configure", "Dict", "Event", "Feed", "Limits", "Members",
    "Named", "NamedValue", "Pair", "Policy", "Position", "Request", "Result", "Resume", "State", "Value",
]  # fmt: skip

TESTED_VERSION = "1.4.0"
"""The release of pydantic-monty that these were tested with."""

PROTOCOL = 6


class Request:
    """What is asked of a worker: one of these in each frame."""

    CONFIGURE = 1
    FEED = 3
    RESUME = 4
    DUMP = 7
    LOAD = 8
    RESET = 9


class Configure:
    """Begins a session."""

    SCRIPT_NAME = 1
    LIMITS = 2
    VERSION = 5
    ASSERT_MESSAGES = 6
    CHECK_FORMAT = 7
    PROTOCOL = 9
    POLICY = 11


class Limits:
    """The limits of a session."""

    MEMORY = 2
    RECURSION = 4
    SUSPENSIONS = 5
    MICROSECONDS = 6


class Policy:
    """What the world outside is to a script: each field is what the library sends for our policy."""

    RANDOM = 2
    SLEEP = 4
    CLOCK = 5
    FILES = 6
    IDENTITY = 9

    SLEEP_OF_HOST = 1
    CLOCK_OF_HOST = 2


class Feed:
    """Runs a script."""

    CODE = 1
    NAMES = 2
    VALUES = 3
    FOLDER = 5


class NamedValue:
    """A name that a script is given, with the place of its value."""

    NAME = 1
    VALUE = 2


class Resume:
    """Goes on with the value of a call."""

    CALL_ID = 1
    RESULT = 2
    VALUES = 3


class Result:
    """What a call has led to."""

    RETURN_VALUE = 1


class State:
    """What is loaded, or was dumped."""

    BYTES = 1


class Event:
    """What a worker says: one of the first, then how the session is."""

    CALL = 2
    COMPLETE = 6
    DUMPED = 9
    OK = 10
    MICROSECONDS = 20


class Call:
    """A script calls a function of ours."""

    NAME = 1
    ARGS = 2
    KWARGS = 3
    CALL_ID = 4
    VALUES = 7
    POSITION = 8


class Position:
    """Where a call stands."""

    FILENAME = 1
    START = 2


class Arena:
    """The values of a message, children before their parents; everything else says the place of one."""

    COUNT = 1
    VALUE = 2


class Value:
    """One value, by its kind."""

    NONE = 2
    BOOL = 4
    INT = 5
    FLOAT = 7
    STR = 8
    LIST = 11
    TUPLE = 12
    NAMED_TUPLE = 13
    DICT = 14


class Members:
    """The places of the members of a list or a tuple."""

    PLACES = 1


class Named:
    """A named tuple."""

    TYPE = 1
    FIELD = 2
    PLACES = 3


class Dict:
    """A dict."""

    PAIR = 1


class Pair:
    """An entry of a dict, or a keyword argument: the places of its name and its value."""

    KEY = 1
    VALUE = 2
