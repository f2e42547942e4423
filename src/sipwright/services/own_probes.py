"""What a node's own probes go by: an account, calls and runs that belong to nobody, and leave no record.

Where others have a row of their own, a probe writes the one row that says that its node was alive
(`services/rows.py:RollupRow`): what is stored first is stored, and told after it, as for anybody.
"""

from __future__ import annotations

from sipwright.services.rows import RollupRow

__all__ = ["NODE_USER", "PROBE_DOMAIN", "sign_of_life"]

NODE_USER = -1
"""The owner of the accounts and the dialplan of the probes, who is in no database."""

PROBE_DOMAIN = "probe.invalid"
"""The domain of those accounts; nobody can be at it (RFC 6761 §6.4)."""


def sign_of_life(node: str) -> RollupRow:
    """Return the row that a node writes where a call or a run of others would have one."""
    return RollupRow(0, 0, node, b"")
