"""What is counted is shown: each number of a snapshot is read where `status` and `/metrics` are made, or is deleted."""

import ast
import re

from house.source import modules

ELSEWHERE = {
    "DirectorySnapshot": "`status` has the whole of it",
    "LoopbackSnapshot": "what one part of the switch says to another is seen with the calls",
    "MemorySnapshot": "it is a network for tests",
    "SwitchSnapshot": "`status` counts calls, and this their parts",
}
"""What of a snapshot nothing of the node reads by its name, and why."""


def fields():
    """Every number of every snapshot: `Kind.name`."""
    for path in modules().values():
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if re.search(r"class \w+Snapshot\b", text) else ():
            if isinstance(node, ast.ClassDef) and node.name.endswith("Snapshot"):
                yield from (
                    f"{node.name}.{one.target.id}" for one in node.body if isinstance(one, ast.AnnAssign)
                )


def read_by_the_node():
    """The attributes that the modules of the node read."""
    return {
        node.attr
        for name, path in modules().items()
        if name.startswith("node/")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_each_number_of_a_snapshot_is_shown():
    """One that only tests read costs those an increment who never see it."""
    found, read = list(fields()), read_by_the_node()
    unread = [each for each in found if each.partition(".")[2] not in read]

    assert len(found) > 50
    assert [each for each in unread if each.partition(".")[0] not in ELSEWHERE] == []
