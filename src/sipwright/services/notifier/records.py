"""A subscription as it is stored, so that it outlives the process (kind ``subscription``).

What is stored is as of the last SUBSCRIBE: a NOTIFY writes nothing. Its CSeq is below the stored one, which is that of
the first NOTIFY of another process; versions of documents go with it. The document has a version of its own: a new name
has a default, and whatever else changes one raises that.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["UnreadableSubscription", "pack", "unpack"]

VERSION, OF_LISTS = 1, 2
"""Those of documents: one that knows no lists must not tell their subscribers of the account that has that name."""


class UnreadableSubscription(ValueError):
    """A stored subscription is damaged, or of a newer version."""


def pack(known: dict[str, Any]) -> bytes:
    """Write down what a subscription needs in another process."""
    version = OF_LISTS if known.get("is_list") else VERSION
    return json.dumps({"v": version, **known}, separators=(",", ":")).encode()


def unpack(document: bytes) -> dict[str, Any]:
    """Return what `pack` was given.

    Raises:
        UnreadableSubscription: It cannot be read.
    """
    try:
        known = json.loads(document)
    except ValueError as error:
        raise UnreadableSubscription(str(error)) from None
    if not isinstance(known, dict) or known.pop("v", None) not in (VERSION, OF_LISTS):
        raise UnreadableSubscription("it is of a version that this one does not know")
    return known
