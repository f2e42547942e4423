"""What the world outside a call is pretended to say: web pages, lookups, and a store that lasts for one test.

``effect = FUNCTION [ ARGUMENT ] ":" VALUE``: the value is JSON (or plain text), or ``raises NAME what it says``.
ARGUMENT may be a pattern with ``*`` and is compared with the first argument: ``http_get https://x.org/*: 404``.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from sipwright.errors import UserError
from sipwright.services.dialplan import Ask
from sipwright.services.dialplan.language.catalogue import OUTSIDE

from .answers import Answers
from .plans import InPlans

__all__ = ["EffectSyntaxError", "Pretence", "World", "parse_effect"]

_RAISES = re.compile(r"raises\s+([A-Za-z]+)\s*(.*)", re.DOTALL)
_ACCOUNT_NAME = re.compile(r"(?:sip:)?([^@]+)")
_WEB = frozenset({"http_get", "http_post"})


class EffectSyntaxError(UserError):
    """A pretended effect that cannot be understood."""


@dataclass(slots=True)
class Pretence:
    """What one function says when its first argument fits: one reply after the other, the last one again and again."""

    function: str
    argument: str = "*"
    replies: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    is_exact: bool = False

    def fits(self, ask: Ask) -> bool:
        """Return whether this is the function, asked about what was meant."""
        if ask.function != self.function:
            return False
        first = str(next(iter(ask.arguments.values()), ""))
        return first == self.argument or (not self.is_exact and fnmatchcase(first, self.argument))

    def reply(self) -> dict[str, Any]:
        """Return the next reply, as a journal keeps it."""
        reply = self.replies[min(self.asked, len(self.replies) - 1)]
        self.asked += 1
        return reply

    def returns(self, *values: Any) -> Pretence:
        """Say what it returns: the first time, the second time and so on."""
        self.replies += [{"value": _shaped(self.function, value)} for value in values]
        return self

    def raises(self, exception: str, message: str = "") -> Pretence:
        """Say that it fails with a built-in exception: ``raises("TimeoutError")``.

        Raises:
            EffectSyntaxError: There is no exception of that name.
        """
        known = getattr(builtins, exception, None)
        if not (isinstance(known, type) and issubclass(known, Exception)):
            raise EffectSyntaxError(
                f"{exception!r} is no exception; write one such as TimeoutError or OSError"
            )
        self.replies.append({"error": [exception, message or f"{self.function}(): pretended"]})
        return self


class World:
    """The world outside a call, as a script can ask it."""

    def __init__(
        self, answers: Answers, pretences: Iterable[Pretence] = (), in_plans: InPlans | None = None
    ) -> None:
        self.answers = answers
        self.in_plans = in_plans or InPlans(answers.domain)
        self.pretences = list(pretences)
        self.store: dict[str, Any] = {}
        self.unknown: list[str] = []
        """What was asked of which nothing is said, and was made up."""

    def add(self, pretence: Pretence) -> Pretence:
        """Take one more; of several that fit, the last one counts.

        Raises:
            EffectSyntaxError: There is no such function, so it would never be asked.
        """
        _check_function(pretence.function)
        self.pretences.append(pretence)
        return pretence

    def perform(self, ask: Ask) -> dict[str, Any]:
        """Reply as the journal keeps it."""
        for pretence in reversed(self.pretences):
            if pretence.replies and pretence.fits(ask):
                return pretence.reply()
        if ask.function == "secret":
            return {"value": f"<secret:{ask.arguments['name']}>"}
        self.unknown.append(f"{ask.function} {next(iter(ask.arguments.values()), '')}".rstrip())
        owner, _, method = ask.function.partition(".")
        if owner == "store":
            return {"value": self._keep(method, ask.arguments)}
        match ask.function:
            case "pick_up" | "park" | "confirm_call":
                return {"value": False}
            case "enum_lookup" | "email" | "message_waiting":
                return {"value": None}
            case "is_registered":
                return {"value": self._is_registered(ask)}
            case "bindings":
                return {"value": self._bindings(ask)}
            case "send_message":
                return {"value": True}
            case "callback":
                return {"value": "pretended"}
        shown = next(iter(ask.arguments.values()), "")
        return {"error": ["OSError", f"{ask.function}(): nobody has said what {shown} is to answer"]}

    def _is_registered(self, ask: Ask) -> bool:
        name = _ACCOUNT_NAME.match(ask.arguments["name"])
        return name is not None and self.answers.is_registered(name[1])

    def _bindings(self, ask: Ask) -> list[dict[str, Any]]:
        if not self._is_registered(ask):
            return []
        uri = f"sip:{ask.arguments['name'].partition('@')[0]}@192.0.2.1:5060"
        return [{"uri": uri, "source": "192.0.2.1:5060", "expires_in": 60.0}]

    def _keep(self, method: str, arguments: dict[str, Any]) -> Any:
        """Do what ``store/live/script_values.py`` does in the database."""
        store = self.store
        key = arguments.get("key", "")
        match method:
            case "get":
                return store.get(key, arguments.get("default"))
            case "set":
                self._set(key, json.loads(arguments["value"]))
                return None
            case "delete":
                return store.pop(key, None) is not None
            case "add":
                store[key] = store.get(key, 0) + arguments["amount"]
                return store[key]
            case "replace":
                if store.get(key) != json.loads(arguments["old"]):
                    return False
                self._set(key, json.loads(arguments["new"]))
                return True
        return sorted(name for name in store if name.startswith(arguments["prefix"]))

    def _set(self, key: str, value: Any) -> None:
        if value is None:
            self.store.pop(key, None)
        else:
            self.store[key] = value


def parse_effect(text: str) -> Pretence:
    """Read ``http_get: {"status": 200, "text": "Alice"}`` and the like.

    Raises:
        EffectSyntaxError: It cannot be understood.
    """
    head, colon, value = text.partition(": " if ": " in text else ":")
    function, *arguments = head.split()[:3] or [""]
    if not colon or not function or len(arguments) > 1:
        raise EffectSyntaxError(
            f"{text!r} does not say which function answers what; write FUNCTION: VALUE, "
            "such as 'enum_lookup: \"sip:bob@example.org\"'"
        )
    value = value.strip()
    _check_function(function)
    pretence = Pretence(function, arguments[0] if arguments else "*")
    if raised := _RAISES.fullmatch(value):
        return pretence.raises(raised[1], raised[2].strip())
    try:
        return pretence.returns(json.loads(value))
    except ValueError:
        if value[:1] in '{["':
            raise EffectSyntaxError(f"{value!r}, which {function} is to return, is not JSON") from None
        return pretence.returns(value)


def _check_function(name: str) -> None:
    if name in OUTSIDE:
        return
    close = get_close_matches(name, OUTSIDE, n=1)
    instead = f"did you mean {close[0]}?" if close else f"what can is {', '.join(sorted(OUTSIDE))}"
    raise EffectSyntaxError(f"{name!r} cannot be pretended; {instead}")


def _shaped(function: str, value: Any) -> Any:
    """Make a page of what is said of one: a status, a text, or its parts."""
    if function not in _WEB:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return {"status": value, "text": "", "json": None, "headers": {}}
    if not isinstance(value, dict):
        return _page({"text": value if isinstance(value, str) else json.dumps(value)})
    if value.keys() <= {"status", "text", "json", "headers"}:
        return _page(value)
    return _page({"json": value})


def _page(parts: dict[str, Any]) -> dict[str, Any]:
    text = parts.get("text", json.dumps(parts["json"]) if "json" in parts else "")
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    return {
        "status": parts.get("status", 200),
        "text": text,
        "json": parts.get("json", read),
        "headers": parts.get("headers", {}),
    }
