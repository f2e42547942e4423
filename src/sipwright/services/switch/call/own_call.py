"""A call of the node with itself, which shows whether calls work: it is nobody's, and nobody goes on with it."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.own_probes import sign_of_life

from .call import Call

__all__ = ["OwnCall"]


class OwnCall(Call):
    """Such a call: all that is stored of it is that the node is alive."""

    __slots__ = ()

    def store(self, on_commit: Callable[[], None]) -> None:
        """Store that."""
        node = self.ports.node
        self.ports.store.writer.put("rollup", (0, 0, node), sign_of_life(node), on_commit)
        self._are_records_due = False
        self.promise_once()
