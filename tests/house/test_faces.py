"""All faces offer the same: each use case is on every face, or a line here says why it is not.

What there is, the use cases themselves say; what a face offers, its source: which of their methods it calls.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache

import pytest

from house.source import SOURCE
from sipwright.usecases import usecases

FACES = {"rest": "web/api", "pages": "web/pages", "ssh": "console", "cli": "commands"}
_OWN_LOOK = "serves the pages alone: it draws, or follows, what REST has whole"
_WHERE_IT_RUNS = "is done where the switch runs, by whoever keeps it"
_BY_TOKEN = "a program comes with a token; a session begins at the pages"
_LONG_WAY = "`watch` and `set_watched_by` are two ways to say one thing"
_PART = "is a part of what this face shows in one go"
_NO_PAGE = "no page is about it: REST and the command line have it"
_WATCHES = "the console watches calls and steers them: what is kept is changed with a form, or a file"
_NOBODY = "the command line is who keeps the switch: it logs in as nobody, and has no self to change"
_READS_ROWS = "the command line reads the rows themselves, also of a switch that does not run"

REASONS = {
    "rest": {
        "accounts.expect": _PART,
        "accounts.import_many": "a program adds one after the other",
        "accounts.watch": _LONG_WAY,
        "cdrs.counts cdrs.per_day dialplans.compile_rules dialplans.importable providers.last_test": _OWN_LOOK,
        "settings.list status.history traces.follow unusual_calls.usual": _OWN_LOOK,
        "dialplans.warnings": _PART,
        "guard.set_rates": "a table of prices is a file",
        "login.log_in login.log_in_with_code login.log_in_with_key login.log_out": _BY_TOKEN,
        "nodes.doors nodes.drain nodes.left nodes.takeover unusual_calls.learn": _WHERE_IT_RUNS,
        "recovery.request recovery.reset signup.sign_up": "people do that, at a form",
        "secrets.list secrets.put secrets.remove": _WHERE_IT_RUNS,
    },
    "pages": {
        "accounts.expect bans.get bindings.get dialplans.warnings": _PART,
        "accounts.import_many": "a file of accounts is read where it lies",
        "accounts.set_watched_by": _LONG_WAY,
        "calls.pickup": "a call that rings is dropped onto the phone that is to have it",
        "dialplans.diff": "the pages compare what they show, drafts too",
        "audit.list guard.rates messages.send": _NO_PAGE,
        "domains.change domains.create domains.get domains.list domains.remove nodes.get nodes.list": _NO_PAGE,
        "values.get values.list values.put values.remove": _NO_PAGE,
        "guard.set_rates": "a table of prices is a file",
        "login.by_token login.log_in_with_key": "people come with a password",
        "nodes.doors nodes.drain nodes.left nodes.takeover unusual_calls.learn": _WHERE_IT_RUNS,
        "secrets.list secrets.put secrets.remove": _WHERE_IT_RUNS,
    },
    "ssh": {
        "accounts.change accounts.create accounts.import_many accounts.list accounts.remove": _WATCHES,
        "accounts.set_messages accounts.set_watched_by accounts.unlock accounts.watch": _WATCHES,
        "bindings.remove calls.pickup calls.place calls.redirect calls.transfer messages.send": _WATCHES,
        "dialplans.check dialplans.compile_rules dialplans.diff dialplans.get dialplans.importable": _WATCHES,
        "dialplans.list dialplans.put dialplans.remove dialplans.replay dialplans.rollback dialplans.runs": _WATCHES,
        "dialplans.try_call dialplans.versions dialplans.warnings": _WATCHES,
        "domains.change domains.create domains.get domains.list domains.remove audit.list": _WATCHES,
        "guard.close guard.forgive guard.limit guard.list guard.open guard.rates guard.set_rates guard.show": _WATCHES,
        "invites.create invites.list invites.remove keys.create keys.list keys.remove": _WATCHES,
        "me.change me.get me.new_recovery_codes me.set_password me.totp_begin me.totp_confirm me.totp_off": _WATCHES,
        "providers.add_number providers.change providers.create providers.get providers.last_test": _WATCHES,
        "providers.remove providers.remove_number providers.test settings.list sessions.list": _WATCHES,
        "sessions.remove tokens.create tokens.list tokens.remove users.change users.create users.get": _WATCHES,
        "users.list users.remove users.set_password users.totp_off users.unlock": _WATCHES,
        "values.get values.list values.put values.remove unusual_calls.usual": _WATCHES,
        "bans.get bindings.get calls.get": _PART,
        "cdrs.counts cdrs.per_day cdrs.rows status.history traces.follow": "a terminal draws and exports nothing",
        "login.by_session login.by_token login.log_in_with_code": "who comes says everything at once",
        "nodes.doors nodes.drain nodes.get nodes.left nodes.list nodes.takeover unusual_calls.learn": _WHERE_IT_RUNS,
        "recovery.request recovery.reset signup.sign_up": "people do that, at a form",
        "secrets.list secrets.put secrets.remove": _WHERE_IT_RUNS,
    },
    "cli": {
        "accounts.set_watched_by": _LONG_WAY,
        "bans.get bindings.get domains.get nodes.get users.get": _PART,
        "calls.get cdrs.list dialplans.diff dialplans.runs status.get traces.get": _READS_ROWS,
        "dialplans.compile_rules dialplans.replay dialplans.try_call": "the command line does it to files, as it is",
        "dialplans.importable providers.last_test settings.list": _OWN_LOOK,
        "cdrs.counts cdrs.per_day status.history traces.follow": "a terminal draws and follows nothing",
        "messages.send": "texts come from phones and programs",
        "events.follow": "the log tells it where the switch runs, and `ssh host events` elsewhere",
        "login.by_session login.by_token login.log_in login.log_in_with_code login.log_in_with_key": _NOBODY,
        "login.log_out login.refreshed me.change me.get me.new_recovery_codes me.set_password": _NOBODY,
        "me.totp_begin me.totp_confirm me.totp_off sessions.list sessions.remove": _NOBODY,
        "recovery.request recovery.reset signup.sign_up": _NOBODY,
    },
}  # fmt: skip
"""Why a face does not offer something; `gate` is what the doors of all stand on."""


def reasons(face: str) -> dict[str, str]:
    return {one: why for names, why in REASONS[face].items() for one in names.split()}


@cache
def catalogue() -> dict[str, type]:
    """The use cases by their names: what is done, by what it is done to."""
    tree = ast.parse((SOURCE / "usecases" / "usecases.py").read_text("utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and isinstance(node.value.func, ast.Name):
                    found[target.attr] = getattr(usecases, node.value.func.id)
    return found


def wanted() -> set[str]:
    """Every method that somebody gives themselves to, as who does it, or as who comes to the door."""
    return {
        f"{thing}.{name}"
        for thing, made in catalogue().items()
        if thing != "gate"
        for name, method in inspect.getmembers(made, inspect.isfunction)
        if not name.startswith("_") and {"actor", "visitor"} & set(inspect.signature(method).parameters)
    }


def name_of(node: ast.AST | None) -> str | None:
    return getattr(node, "attr", getattr(node, "id", None))


def aliases(tree: ast.Module) -> dict[str, str]:
    """What a file calls things: `plans = usecases.dialplans`."""
    found: dict[str | None, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found |= dict(assigned(target, node.value))
    return {ours: thing for ours, thing in found.items() if ours is not None}


def assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str | None, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from assigned(one, other)
    elif isinstance(value, ast.Attribute) and value.attr in catalogue():
        yield name_of(target), value.attr


def declared(trees: list[ast.Module]) -> dict[str, str]:
    """What the classes of a face call things: `plans: Dialplans`."""
    classes = {made.__name__: thing for thing, made in catalogue().items()}
    found: dict[str, str] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and (kind := name_of(node.annotation)) in classes:
                found[name_of(node.target) or ""] = classes[kind or ""]
    return found


@cache
def offered(face: str) -> frozenset[str]:
    """What a face does: the methods that its files name."""
    texts = [path.read_text("utf-8") for path in (SOURCE / FACES[face]).rglob("*.py")]
    trees = [ast.parse(text) for text in texts if "uses" in text or "usecases" in text]
    everywhere = declared(trees)
    found = set()
    for tree in trees:
        ours = aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and (called := name_of(node.value)) is not None:
                thing = ours.get(called)
                if thing is None and isinstance(node.value, ast.Attribute):
                    thing = everywhere.get(called, called)
                found.add(f"{thing}.{node.attr}")
    return frozenset(found & wanted())


def test_whatever_can_be_done_can_be_done_on_every_face_or_a_reason_is_said():
    wanting = {face: wanted() - offered(face) - set(reasons(face)) for face in FACES}

    assert {face: sorted(found) for face, found in wanting.items() if found} == {}


def test_a_reason_is_only_said_of_what_is_wanting():
    idle = {face: [one for one in reasons(face) if one not in wanted() - offered(face)] for face in FACES}

    assert {face: found for face, found in idle.items() if found} == {}


@pytest.mark.parametrize(
    ("face", "done"), [("ssh", "calls.hangup"), ("pages", "dialplans.try_call"), ("rest", "accounts.create")]
)
def test_what_a_face_calls_by_a_name_of_its_own_is_found(face, done):
    assert done in offered(face)
