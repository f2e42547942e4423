"""How lists are printed for people and given to other programs.

Each list has the heads of its table, what stands in a line of it, what an empty one means, and its JSON at the console:
the names that ``sipwright calls --json`` and its like have always had, and what is known beside. The command line
prints its tables from here; only what it says of a provider's state is its own, with since when that is out of reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from sipwright.tables import clock, talked
from sipwright.usecases.bindings import BindingView
from sipwright.usecases.calls import CallView
from sipwright.usecases.cdrs import CdrView
from sipwright.usecases.providers import ProviderView

__all__ = ["BINDINGS", "CALLS", "CDRS", "LEGS", "PARTS", "PROVIDERS", "Listed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One list: its heads, the cells of a thing in it, its JSON, and what to say when there is nothing in it."""

    heads: tuple[str, ...]
    cells: Callable[[T], tuple[Any, ...]]
    row: Callable[[T], dict[str, Any]]
    empty: str


def _call_cells(call: CallView) -> tuple[Any, ...]:
    return call.from_, call.to, call.answered_by, call.state, _seconds(call), call.id


def _part_cells(call: CallView) -> tuple[Any, ...]:
    legs = ", ".join(f"{leg.target} {leg.state}" for leg in call.legs[1:])
    return call.call, call.id, call.from_, call.to, call.direction, call.state, _seconds(call), legs


def _seconds(call: CallView) -> int:
    return round(time.time() - (call.answered_at or call.started_at))


def _call_row(call: CallView) -> dict[str, Any]:
    row = asdict(call)
    return {"id": row.pop("id"), "from": row.pop("from_"), **row}


def _binding_cells(binding: BindingView) -> tuple[Any, ...]:
    seconds = max(0, round(binding.expires_at - time.time()))
    return binding.account, binding.contact, binding.source, seconds, binding.user_agent


def _cdr_cells(cdr: CdrView) -> tuple[Any, ...]:
    return (
        clock(cdr.started_at),
        cdr.direction,
        cdr.from_uri,
        cdr.to_uri,
        cdr.answered_by,
        cdr.status,
        cdr.reason,
        talked(cdr.talked),
        cdr.hung_up_by,
        cdr.call_id,
    )


def _leg_cells(cdr: CdrView) -> tuple[Any, ...]:
    return (
        clock(cdr.started_at),
        cdr.call,
        cdr.leg,
        cdr.direction,
        cdr.from_uri,
        cdr.target or cdr.to_uri,
        cdr.status,
        cdr.reason,
        talked(cdr.talked),
        cdr.hung_up_by,
        cdr.call_id,
    )


def _provider_cells(provider: ProviderView) -> tuple[Any, ...]:
    state = provider.state
    if not provider.enabled:
        state = "disabled"
    answer = " ".join(str(part) for part in (provider.status, provider.reason) if part is not None)
    return (
        provider.provider,
        provider.user,
        provider.server,
        provider.username,
        "yes" if provider.register else "no",
        provider.calls_in,
        state,
        clock(provider.registered_until),
        answer,
    )


def _provider_row(provider: ProviderView) -> dict[str, Any]:
    row = asdict(provider)
    return {"provider": row.pop("provider"), **row, "from": row["from_template"], "in": row["in_plan"]}


CALLS = Listed(
    ("from", "to", "answered by", "state", "seconds", "call"), _call_cells, _call_row, "no calls now"
)
PARTS = Listed(
    ("call", "part", "from", "to", "direction", "state", "seconds", "legs"),
    _part_cells,
    _call_row,
    CALLS.empty,
)
BINDINGS: Listed[BindingView] = Listed(
    ("account", "contact", "source", "seconds", "user agent"),
    _binding_cells,
    asdict,
    "no phone is registered now",
)
PROVIDERS = Listed(
    ("provider", "user", "server", "username", "register", "calls in", "state", "until", "last answer"),
    _provider_cells,
    _provider_row,
    "no providers yet; 'sipwright provider add NAME' adds one",
)
CDRS: Listed[CdrView] = Listed(
    ("started", "direction", "from", "to", "answered by", "status", "reason", "talked", "hung up by", "call"),
    _cdr_cells,
    asdict,
    "no calls have been recorded yet",
)
LEGS: Listed[CdrView] = Listed(
    ("started", "call", "leg", "direction", "from", "to", "status", "reason", "talked", "hung up by", "part"),
    _leg_cells,
    asdict,
    CDRS.empty,
)
