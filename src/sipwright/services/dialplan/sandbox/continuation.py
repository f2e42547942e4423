"""The bytes of a waiting script: what its functions have used up, then the interpreter's own dump.

There is no dump of a script that was quick to come to its first wait: it comes there again (``fast_backend.py``).

They are kept in our own database and nowhere else, since loading a dump trusts who wrote it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["freeze", "thaw"]

_MARK = b"SW1"


def freeze(state: list[Any], dump: bytes) -> bytes:
    """Put the two together."""
    try:
        head = orjson.dumps(state)
    except TypeError:  # a number, or a text, that no other JSON knows
        head = b" " + json.dumps(state, separators=(",", ":")).encode()
    return b"%s%08x%s%s" % (_MARK, len(head), head, dump)


def thaw(snapshot: bytes) -> tuple[list[Any], bytes]:
    """Take them apart again.

    Raises:
        ValueError: These are not the bytes of a snapshot that this version knows.
    """
    if not snapshot.startswith(_MARK):
        raise ValueError("a snapshot in a format that this version does not know")
    end = 11 + int(snapshot[3:11], 16)
    head = snapshot[11:end]
    return json.loads(head) if head.startswith(b" ") else orjson.loads(head), snapshot[end:]
