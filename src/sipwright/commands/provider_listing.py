"""``sipwright provider list`` and ``show``: how providers are described to people, and in JSON."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    Data,
    Json,
    Owner,
    OwnerFilter,
    clock,
    print_json,
    print_table,
    say,
    words,
)
from sipwright.commands.provider_did import described_numbers
from sipwright.commands.provider_options import Name
from sipwright.printable import printable
from sipwright.services.callers import CALLER_HEADERS, IDENTITY, NUMBER_FORMATS
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.providers import ProviderView

__all__ = ["list_", "show"]

_HALF_A_DAY = 12 * 3600.0


def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List providers and our registrations there.

    A provider that says nothing to a call or a REGISTER is unreachable until it answers anything again; it is asked
    every few seconds. Passwords are never shown.

    \b
    Example:
      sipwright provider list --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[dict[str, Any]]:
        pages = everything(
            lambda cursor: usecases.providers.list(actor, user=user, limit=MOST, cursor=cursor)
        )
        return [_described(one) for one in sorted([one async for one in pages], key=lambda one: one.id)]

    rows = with_usecases(data, work)
    if as_json:
        print_json(rows)
        return
    cells = (
        (row["provider"], row["user"], row["server"], row["username"], "yes" if row["register"] else "no",
         row["calls_in"], _state(row), clock(row["registered_until"]), _answer(row))
        for row in rows
    )  # fmt: skip
    from sipwright.usecases.listed import PROVIDERS

    print_table(PROVIDERS.heads, cells, PROVIDERS.empty)


def show(name: Name, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """Show a provider and who takes its calls.

    Its password is never shown.

    \b
    Example:
      sipwright provider show blueface
    """

    async def work(usecases: UseCases, actor: Actor) -> dict[str, Any]:
        return _described(await usecases.providers.get(actor, name, user=user or actor.name))

    row = with_usecases(data, work)
    if as_json:
        print_json(row)
        return
    numbers = row.pop("numbers")
    for head, value in row.items():
        if head in ("registered_until", "unreachable_since", "probed_at"):
            value = clock(value)
        elif head == "state":
            value = _state(row)
        elif isinstance(value, tuple):
            value = ", ".join(value) or None
        shown = words(value)
        say(f"{head.replace('_', ' '):<16} {printable(str(shown))}")
    for number in numbers:
        say(f"{'number':<16} {printable(number['number'])} to {printable(number['calls_in'])}")


_USUAL = {
    "certificate": None, "certificate_key": None, "caller_out": "", "caller_in": CALLER_HEADERS[0],
    "number_format": NUMBER_FORMATS[0], "identity": IDENTITY[0], "messages": False,
}  # fmt: skip
"""What is not shown, as nobody has said it."""

_NAMES = {"from_template": "from", "outbound_proxy": "proxy", "in_plan": "in"}


def _described(view: ProviderView) -> dict[str, Any]:
    row = {
        _NAMES.get(name, name): value for name, value in asdict(view).items() if name not in ("id", "etag")
    }
    most = row.pop("most_calls")
    if view.probed_at is None:
        del row["probed_at"], row["drift"]
    for name, usual in _USUAL.items():
        if row[name] == usual:
            del row[name]
    return {**row, "numbers": described_numbers(view)} | ({} if most is None else {"calls": most})


def _answer(row: dict[str, Any]) -> str:
    return " ".join(str(part) for part in (row["status"], row["reason"]) if part is not None)


def _state(row: dict[str, Any]) -> str | None:
    """Say for people how a provider stands."""
    since = row["unreachable_since"]
    if since is None:
        # A row is what JSON gives.
        return cast("str | None", row["state"])
    is_today = time.time() - since < _HALF_A_DAY
    when = time.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M", time.localtime(since))
    return f"unreachable since {when} ({row['unreachable_reason']})"
