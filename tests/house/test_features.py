"""A call does not know its features: it carries them as processes, and tells whoever wants to know by its ports."""

import ast
import re

import pytest

from house.source import SOURCE, modules

CALL = "services/switch/call/"

OF_CALLS = sorted(name for name in modules() if name.startswith(CALL) and name != f"{CALL}ports")
"""All of them; the ports have settings, too, which say how often the ends of a call are probed."""

FEATURES = {
    "liveness", "moving", "orbit", "park", "parked", "parking", "picker", "pickup", "probe", "probes", "provisional",
    "referral", "refer", "relay", "replaces", "report", "takeover", "transfer", "transferred",
}  # fmt: skip
"""What stands in `midcall` and `transfer`, by the words of its names."""

KNOWN = {
    "process": {
        "StoredPicker",
        "ReliableProvisionals",
    },  # how whoever stands for the caller is written down; see below
    "call": {
        "ReliableProvisionals",
        "provisionals",
    },  # a process by its port, as the hunt is: it tells the caller things
    "own_call": {"own_probes"},  # what it is of
    "table": {"own_probes"},  # whose calls are not counted
    "script_runner": {"transfer_plan"},  # of an account: which dialplan decides
}


def names_of(tree):
    """Every name in some code, and every word of its texts but those of docstrings."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.ImportFrom(module=str(module), names=names):
                yield from (*module.split("."), *(each.name for each in names))
            case ast.Constant(value=str(text)) if " " not in text:
                yield from re.findall(r"\w+", text)


def words_of(name):
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")
    return {*words, *(word.removesuffix("s") for word in words)}


def features_in(text):
    return {name for name in names_of(ast.parse(text)) if words_of(name) & FEATURES}


@pytest.mark.parametrize("module", OF_CALLS, ids=lambda name: name.removeprefix(CALL))
def test_a_call_does_not_know_its_features(module):
    found = features_in((SOURCE / module).with_suffix(".py").read_text("utf-8"))

    assert found == KNOWN.get(module.removeprefix(CALL), set())


def test_a_feature_would_be_found():
    text = 'from ..transfer.parking import Parking\nif name == "park":\n    self.ports.probe(self)\n'

    assert features_in(text) == {"transfer", "parking", "Parking", "park", "probe"}
