"""The guide to REST names what events have in their data: what the code puts there, no more and no less."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from docs.event_fields import event_fields
from house.source import SOURCE
from sipwright.control.events import LOST, TYPES

CALL = ("control/notes", "_of_all")
SCRIPT = ("control/notes", "_of_script")
BINDING = ("node/watches", "BindingEvents._tell")
PROVIDER = ("node/watches", "ProviderEvents.registered")
MADE_IN: dict[str, list[tuple[str, str]]] = {
    "call.started": [CALL],
    "call.ringing": [CALL, ("control/notes", "_ringing")],
    "call.answered": [CALL, ("control/notes", "_answered")],
    "call.held": [CALL, ("control/notes", "_held")],
    "call.ended": [CALL, ("control/notes", "_ended")],
    "script.line": [SCRIPT, ("control/notes", "_line")],
    "script.failed": [SCRIPT, ("control/notes", "_failed")],
    "binding.added": [BINDING],
    "binding.removed": [BINDING],
    "provider.state": [PROVIDER, ("node/watches", "reached"), ("node/watches", "ProviderEvents._tell")],
    "security.refused": [
        ("node/watches", "SecurityEvents.failed"),
        ("node/watches", "SecurityEvents.refused"),
        ("services/authentication/failure_log", "failed"),
        ("node/refusals", "__call__"),
        ("node/refusals", "_say"),
        ("usecases/gate", "refused"),
        ("usecases/gate", "crowded"),
    ],
    "audit": [("usecases/trail", "write")],
    "node.state": [("node/control", "_tell_state")],
    "ban.added": [("node/guarding", "_tell_bans"), ("usecases/bans", "Bans.add")],
    "ban.removed": [("usecases/bans", "Bans.remove")],
    "guard.refused": [("node/call_guard", "_refuse")],
    "guard.spending": [("node/call_guard", "_warn")],
    "guard.unusual": [("node/unusual_calls", "_tell")],
    "guard.overload": [("node/guarding", "_tell_load")],
    "guard.flood": [("node/guarding", "look")],
    "guard.spared": [("node/guarding", "_spare")],
    LOST: [("control/events", "lost")],
}
"""Where the data of each type are put together: dicts whose names are written there."""


def test_every_type_has_a_place_where_it_is_made():
    assert MADE_IN.keys() == {*TYPES, LOST}


@pytest.mark.parametrize("kind", MADE_IN)
def test_the_guide_names_what_the_code_puts_into_an_event(kind: str):
    made: set[str] = set()
    for place in MADE_IN[kind]:
        made |= names_in(*place)

    assert sorted(event_fields()[kind]) == sorted(made)


def names_in(module: str, function: str) -> set[str]:
    """Return the names in the dicts that a function writes down, but for those of a whole event."""
    dicts = [node for node in ast.walk(functions(module)[function]) if isinstance(node, ast.Dict)]
    named = [{key.value for key in one.keys if isinstance(key, ast.Constant)} for one in dicts]
    return {str(name) for names in named if "type" not in names for name in names}


@cache
def functions(module: str) -> dict[str, ast.AST]:
    """Return the functions of a module by their names, alone and with those of their classes."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text())
    found: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(inner.name, inner)
                if isinstance(node, ast.ClassDef):
                    found[f"{node.name}.{inner.name}"] = inner
    return found
