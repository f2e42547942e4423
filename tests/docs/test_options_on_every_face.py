"""What can be set with an option can be set over REST and on a page, or it says here why not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import typer

from sipwright.commands import __main__ as command_line
from sipwright.web import pages
from sipwright.web.api.accounts import ChangedAccount
from sipwright.web.api.dialplans import TriedCall
from sipwright.web.api.guard import ChangedGuard
from sipwright.web.api.providers import ChangedProvider
from sipwright.web.api.users import ChangedUser

OURS = {
    "calls": "most_calls", "quiet": "do_not_disturb", "runs": "script_runs", "at_once": "calls_at_once",
    "runs_per_minute": "script_runs_per_minute", "seconds_per_minute": "script_seconds_per_minute",
    "per_hour": "calls_per_hour", "minutes": "minutes_per_day", "money": "money_per_day",
}  # fmt: skip
"""What an option is called elsewhere, where that differs by more than that there may be several of it."""

NOT_THERE = {
    "account set": {"domain": "the name of an account may have it: NAME@DOMAIN"},
    "guard limit": {
        "of_account": "limits of an account are set on the command line", "of_provider": "and those of a provider"
    },
    "dialplan try": {"plan": "is the one whose page or path it is"},
}  # fmt: skip
"""Options that other faces do not have, and why."""

EVERYWHERE = {"name", "user", "data", "as_json", "help"}

FACES = {
    "account set": (ChangedAccount, "account.py", "AccountChange"),
    "provider set": (ChangedProvider, "provider_settings.py", "ProviderChange"),
    "user set": (ChangedUser, "user.py", "UserChange"),
    "guard limit": (ChangedGuard, "guard_limits.py", ""),
    "dialplan try": (TriedCall, "dialplan_trials.py", "TryWish"),
}


def parameters(path: str) -> set[str]:
    """Return the parameters of a command."""
    command = typer.main.get_command(command_line.make_app())
    for name in path.split():
        command = command.commands[name]
    return {parameter.name for parameter in command.params}


def missing(path: str, there: set[str]) -> set[str]:
    """Return the options of a command that are not among some names."""
    wanted = parameters(path) - EVERYWHERE - NOT_THERE.get(path, {}).keys()
    there = {name.removesuffix("_") for name in there}
    named = {OURS.get(name, name).removesuffix("_") for name in wanted}
    return {name for name in named if name not in there and f"{name}s" not in there}


@pytest.mark.parametrize("path", FACES)
def test_rest_has_what_the_command_line_has(path: str):
    assert missing(path, set(FACES[path][0].model_fields)) == set()


@pytest.mark.parametrize("path", FACES)
def test_the_page_has_what_the_command_line_has(path: str):
    _, file, made = FACES[path]
    tree = ast.parse((Path(pages.__file__).parent / file).read_text())
    said = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == made
        for keyword in node.keywords
    }
    said |= {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert missing(path, {"enabled" if name == "is_enabled" else str(name) for name in said}) == set()


@pytest.mark.parametrize("path", NOT_THERE)
def test_every_reason_is_one_of_an_option_that_is_there(path: str):
    assert NOT_THERE[path].keys() - parameters(path) == set()
