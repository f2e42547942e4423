"""The names of the dialplan language for the editor, read from the stubs that scripts are checked against."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from importlib.resources import files

from sipwright.services.dialplan import language
from sipwright.services.linking import PACKAGE

__all__ = ["MEMBERS", "NAMES", "members_beside"]

_KEYWORDS = (
    "if",
    "elif",
    "else",
    "for",
    "while",
    "in",
    "not",
    "and",
    "or",
    "return",
    "def",
    "from",
    "import",
    "True",
    "False",
    "None",
)

_ABOUT_PACKAGE = "Other dialplans of yours: from plans.common import groups"


def _names() -> tuple[dict[str, str], ...]:
    """Return what can be written anywhere: functions with their parameters, and the objects that are there."""
    found = [{"label": keyword, "type": "keyword"} for keyword in _KEYWORDS]
    for node in _tree().body:
        if isinstance(node, ast.FunctionDef):
            found.append(_function(node))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(
                {
                    "label": node.target.id,
                    "type": "variable",
                    "info": _about(_classes()[ast.unparse(node.annotation)]),
                }
            )
    found.append({"label": PACKAGE, "type": "namespace", "info": _ABOUT_PACKAGE})
    return tuple(found)


def members_beside(plans: Mapping[str, Sequence[str]]) -> dict[str, Sequence[Mapping[str, str]]]:
    """Return `MEMBERS`, with what can be written after ``plans.`` and after the name of each dialplan there.

    A name of ours means what it always does, though a dialplan may be called like it.
    """
    beside: dict[str, Sequence[Mapping[str, str]]] = {
        plan: tuple({"label": name, "type": "variable"} for name in names) for plan, names in plans.items()
    }
    beside[PACKAGE] = tuple(
        {"label": plan, "type": "namespace", "detail": ", ".join(names)[:60]} for plan, names in plans.items()
    )
    return beside | MEMBERS


def _members_of_all() -> dict[str, tuple[dict[str, str], ...]]:
    """Return what can be written after ``req.``, ``call.`` and ``store.``, and after a result of ``dial()``."""
    found = {
        node.target.id: _members(_classes()[ast.unparse(node.annotation)])
        for node in _tree().body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    found["result"] = _members(_classes()["DialResult"])
    found["headers"] = _members(_classes()["Headers"])
    return found


def _tree() -> ast.Module:
    return ast.parse(files(language).joinpath("names.pyi").read_text("utf-8"))


def _classes() -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _tree().body if isinstance(node, ast.ClassDef)}


def _members(node: ast.ClassDef) -> tuple[dict[str, str], ...]:
    found = []
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            found.append(
                {"label": part.target.id, "type": "property", "detail": ast.unparse(part.annotation)}
            )
        elif isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
            found.append(_function(part))
    return tuple(found)


def _function(node: ast.FunctionDef) -> dict[str, str]:
    parameters = ", ".join(each for each in ast.unparse(node.args).split(", ") if each != "self")
    short = parameters if len(parameters) < 60 else f"{parameters[:57]}..."
    told = {"label": node.name, "type": "function", "detail": f"({short})"}
    about = _about(node)
    return {**told, "info": about} if about else told


def _about(node: ast.FunctionDef | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").replace("``", "")


NAMES = _names()

MEMBERS = _members_of_all()
