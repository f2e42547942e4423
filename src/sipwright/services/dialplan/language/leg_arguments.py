"""What ``dial()`` and ``leg()`` are given: dial strings, legs and their options, checked and read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

from sipwright.services.dialstring import (
    DialLeg,
    Groups,
    expand,
    format_dial_string,
    parse_dial_string,
    parse_target,
)
from sipwright.services.leg_options import OPTIONS, Choice, Host, Kind, LegOptions, Seconds, Truth
from sipwright.services.script_headers import one_line

from . import arguments as check
from .values import LegSpec

__all__ = ["dial_string", "dialled", "leg_of", "takes_options", "with_defaults"]

MOST_LEGS = 1_000
"""Legs of a list that are looked at, about as many as a dial string has room for; a run dials far fewer."""

_HOST = re.compile(r"(?:[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_options(*, of_all: bool) -> Callable[[Function], Function]:
    """Let the signature of a function name the options of legs, in place of its ``**options``."""

    def declare(function: Function) -> Function:
        signature = inspect.signature(function)
        *own, _ = signature.parameters.values()
        options = [
            inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None)
            for option in OPTIONS.values()
            if option.for_all or not of_all
        ]
        # A checker knows no signature of a function that can be set; `inspect.signature` looks there first.
        cast("Any", function).__signature__ = signature.replace(parameters=[*own, *options])
        return function

    return declare


def dialled(target: object, variables: Mapping[str, str]) -> Groups:
    """Read what is to be dialled, and put the variables in."""
    if isinstance(target, str) and "${" not in target:
        return _expanded(target)
    groups = expand(_groups(target), variables)
    _check_hosts(groups)
    return groups


def with_defaults(groups: Groups, options: Mapping[str, object]) -> Groups:
    """Give each leg those options of ``dial()`` that it has not."""
    defaults = _options(options)
    groups = tuple(
        tuple(DialLeg(leg.target, leg.options.with_defaults(defaults)) for leg in group) for group in groups
    )
    _check_hosts(groups)
    return groups


def dial_string(name: str, target: object) -> str:
    """Take what is to be dialled, and return it as one dial string."""
    try:
        groups = _groups(target)
        _check_hosts(groups)
        return format_dial_string(groups)
    except TypeError:
        check.wrong(name, target, "a dial string, leg(...) or a list of these")


def leg_of(given: object) -> DialLeg:
    """Read one leg: what ``leg()`` gave, or a dial string of one leg."""
    if _is_spec(given):
        # `_is_spec` has looked: a tuple of the sandbox, which is of a class like ours.
        spec = LegSpec(*cast("tuple[Any, ...]", given))
        options = spec._asdict()
        return DialLeg(parse_target(check.text("target", options.pop("target"))), _options(options))
    groups = _parse(check.text("a member of the list", given))
    if len(groups) > 1 or len(groups[0]) > 1:
        raise ValueError("each member of the list is one leg, without & and |")
    return groups[0][0]


_parse = lru_cache(maxsize=2048)(parse_dial_string)


@lru_cache(maxsize=2048)
def _expanded(text: str) -> Groups:
    """Read a dial string without variables."""
    groups = expand(parse_dial_string(text), {})
    _check_hosts(groups)
    return groups


def _groups(target: object) -> Groups:
    """Read what ``dial()`` is given: a dial string, one leg, or a list whose members ring together."""
    if _is_spec(target):
        return ((leg_of(target),),)
    if isinstance(target, list):
        if not target:
            raise ValueError("an empty list rings nobody")
        if len(target) > MOST_LEGS:
            raise ValueError(f"more than {MOST_LEGS} legs")
        return (tuple(leg_of(member) for member in target),)
    return _parse(check.text("target", target))


def _is_spec(value: object) -> bool:
    """Return whether ``leg()`` gave it; back from the sandbox it is of a class like ours, maybe of an older release."""
    names = getattr(value, "_fields", ()) if isinstance(value, tuple) else ()
    return bool(names) and names == LegSpec._fields[: len(names)]


def _options(given: Mapping[str, object]) -> LegOptions:
    """Take options as a script gave them; None is not said."""
    said: dict[str, Any] = {"headers": check.headers(given.get("headers"))}
    for name, value in given.items():
        if name != "headers" and value is not None:
            option = OPTIONS.get(name)
            if option is None:
                raise TypeError(f"got an unexpected keyword argument {name!r}")
            said[name] = _take(name, option.kind, value)
    return LegOptions(**said)


def _take(name: str, kind: Kind, value: object) -> object:
    match kind:
        case Seconds():
            return 0.0 if kind.may_be_zero and value == 0 else check.seconds(name, value, kind.most)
        case Truth():
            return check.truth(name, value)
        case Choice():
            if value not in kind.words:
                raise ValueError(f"{name} must be {' or '.join(map(repr, kind.words))}")
            return value
    return check.optional_text(name, value)


def _check_hosts(groups: Groups) -> None:
    """Refuse a `from_host` that is none, when its variables are filled in: no From could be made of it."""
    for group in groups:
        for leg in group:
            for name in _HOSTS:
                host = getattr(leg.options, name)
                if host and not _HOST.fullmatch(host):
                    raise ValueError(f"{name} {one_line(host, 40)!r} is not a host")


_HOSTS = [option.name for option in OPTIONS.values() if isinstance(option.kind, Host)]
