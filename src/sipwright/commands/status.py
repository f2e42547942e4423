"""``sipwright status``: whether the switch runs, and how it is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import typer

from sipwright.commands.common import Data, Json, clock, print_json, say, settings_of
from sipwright.commands.control import ask

__all__ = ["status"]

AWAY, TROUBLED = 3, 1
"""Exit statuses: no switch runs (as `systemctl status` has it), or one that cannot do all that it should."""


def status(as_json: Json = False, data: Data = None) -> None:
    """Show how the running switch is.

    Shown are since when it runs, its phones, providers, calls and disk, and what went wrong last. The exit status is 0
    when all is well, 1 when something is not, and 3 when no switch runs.

    \b
    Examples:
      sipwright status
      sipwright status --json | jq .calls
      sipwright status >/dev/null || echo "look after the switch"
    """
    from sipwright.control.client import SwitchAway

    folder = settings_of(data).data_dir
    try:
        found = ask(data, "status")
    except SwitchAway as error:
        if as_json:
            print_json({"running": False, "wrong": [str(error)]})
        else:
            say(str(error), is_error=True)
        raise typer.Exit(AWAY) from None
    wrong = _wrong(found, folder)
    if as_json:
        print_json({"running": True, **found, "disk": _disk(folder), "wrong": wrong})
    else:
        _print(found, folder, wrong)
    if wrong:
        raise typer.Exit(TROUBLED)


def _wrong(found: dict[str, Any], folder: Path) -> list[str]:
    """Return in sentences what is not as it should be."""
    wrong, storage = [], found["storage"]
    wrong += [
        f"worker {one['node']} does not answer; it is started again if it has ended"
        for one in found.get("workers", ())
        if not one["up"]
    ]
    if storage["is_away"]:
        wrong.append("nothing can be stored: calls and registrations are refused")
    elif storage.get("is_behind"):
        waits = storage["on_disk_bytes"] / 1e6
        wrong.append(f"the database is away: {waits:.1f} MB wait on the disk, and calls go on")
    if storage.get("key_fault"):
        wrong.append(storage["key_fault"])
    if storage["is_short"]:
        wrong.append(f"the disk of {folder} is nearly full")
    return wrong + _unregistered(found) + _alerts(found)


_SAID = ("disk", "database")
"""Alerts on what is looked at here at this moment."""


def _alerts(found: dict[str, Any]) -> list[str]:
    """Return what the switch alerts about, or would if there was anybody to tell."""
    said = {*_SAID, *(name for name, _ in found.get("troubled", ()))}
    return [
        f"{one['text']}, since {clock(one['since'])}"
        + (f"; look first: {one['advice']}" * bool(one["advice"]))
        for one in found.get("alerts", ())
        if one["key"].rpartition("/")[2] not in said
    ]


def _unregistered(found: dict[str, Any]) -> list[str]:
    """Return with whom we cannot register, and why: some by name, all others by their number."""
    registrations = found["registrations"] or {}
    number = sum(registrations.get(state, 0) for state in ("failed", "stopped"))
    named = found.get("troubled", ())
    wrong = [f"cannot register with the provider {name}: {why}" for name, why in named]
    if number > len(wrong):
        more = " more" if wrong else ""
        rest = f"{number - len(wrong)}{more} providers cannot be registered with"
        wrong.append(f"{rest}; 'sipwright provider list' says why")
    return wrong


def _disk(folder: Path) -> dict[str, int]:
    usage = shutil.disk_usage(folder)
    return {"free": usage.free, "total": usage.total}


def _print(found: dict[str, Any], folder: Path, wrong: list[str]) -> None:
    disk, registrations = _disk(folder), found["registrations"]
    states = ", ".join(f"{number} {state}" for state, number in (found["call_states"] or {}).items())
    providers = "many"
    if registrations is not None:
        providers = (
            ", ".join(f"{number} {state}" for state, number in registrations.items() if number)
            or "none that it registers with"
        )
    lines = [
        (
            "switch",
            f"running for {_span(found['at'] - found['started_at'])}, since {clock(found['started_at'])}",
        ),
        ("version", f"{found['version']}, process {found['pid']}, node {found['node']}"),
        ("calls", f"{found['calls']}{f' ({states})' if states else ''}"),
        *(
            ("worker", f"{one['node']}, process {one['pid']}: {one['calls']} calls, {one['scripts']} scripts")
            for one in found.get("workers", ())
            if one["up"]
        ),
        ("phones", f"{found['phones']} account{'s' * (found['phones'] != 1)} registered"),
        ("providers", providers),
        ("scripts", f"{found['scripts']} under way"),
        ("disk", f"{_size(disk['free'])} of {_size(disk['total'])} free"),
    ]
    say(*(f"{name:10} {text}" for name, text in lines))
    for error in found.get("errors", ()):
        say(f"{'error':10} {time.strftime('%H:%M:%S', time.localtime(error['at']))} {error['text']}")
    for one in found.get("locked", ()):
        others = f" and {one['sources'] - len(one['from'])} more" * (one["sources"] > len(one["from"]))
        say(
            f"{'locked':10} {one['account']}: wrong passwords from {', '.join(one['from'])}{others}; where it is not "
            f"known none is looked at until {time.strftime('%H:%M:%S', time.localtime(one['until']))}, or "
            f"'sipwright account unlock {one['account']}'"
        )
    say(*(f"{'WRONG':10} {text}" for text in wrong) if wrong else ("all is well",))


def _size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    parts = ((days, "d"), (hours, "h"), (minutes % 60, "min"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or f"{int(seconds)} s"
