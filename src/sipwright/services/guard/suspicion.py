"""What strangers do that no phone does so often, added up for each network: who has done enough of it is banned.

Each deed has a weight, and what was done is forgiven little by little, so that a wrong password now and then is none.
Who asks for one and the same user again and again looks for nobody: that is a phone whose account has gone.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import NamedTuple

from sipwright.transport.networks import network_of

__all__ = ["ENOUGH", "FORGIVEN_WITHIN", "MOST", "SEVERAL", "Deed", "Enough", "Suspicions"]

ENOUGH = 60.0
"""The weight of deeds for which a network is banned."""

FORGIVEN_WITHIN = 600.0
"""Seconds in which that weight is forgiven again."""

MOST = 10_000
"""Networks that are remembered."""


SEVERAL = 0
"""Stands for more accounts than one, or none."""


class Enough(NamedTuple):
    """Why a network is to be banned, and the account of which alone the password was wrong, or `SEVERAL`."""

    text: str
    account_id: int = SEVERAL


class Deed(Enum):
    """What a stranger has done: how much it weighs, and how it is called."""

    LOG_IN = 2.0, "wrong passwords"
    PERSISTENCE = 1.0, "tries after too many wrong ones"
    UNKNOWN_USER = 3.0, "users that there are not"
    MALFORMED = 1.0, "messages that cannot be read"
    SCANNER = 60.0, "a scanner"

    @property
    def weight(self) -> float:
        """How much it counts."""
        return float(self.value[0])

    @property
    def text(self) -> str:
        """What it is called in the reason of a ban."""
        return str(self.value[1])


class _Record:
    __slots__ = ("account_id", "at", "names", "number", "weight")

    def __init__(self, now: float, account_id: int) -> None:
        self.at = now
        self.account_id = account_id
        self.weight = 0.0
        self.number = 0
        self.names: set[str] = set()


class Suspicions:
    """The deeds of the networks that have done something last."""

    __slots__ = ("_most", "_records")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def add(
        self, host: str, deed: Deed, now: float, name: str = "", account_id: int = SEVERAL
    ) -> Enough | None:
        """Take note of a deed; return why the network has done enough to be banned, and forget it, or None.

        Args:
            host: An address of the network.
            deed: What was done.
            now: When, in seconds.
            name: The user that was asked for, of whom more than the first time does not count.
            account_id: The account whose password was wrong.
        """
        network = network_of(host)
        record = self._records.get(network)
        if record is None:
            if len(self._records) >= self._most:
                self._records.popitem(last=False)
            record = self._records[network] = _Record(now, account_id)
        self._records.move_to_end(network)
        forgiven = (now - record.at) * ENOUGH / FORGIVEN_WITHIN
        record.weight, record.at = max(0.0, record.weight - forgiven), now
        if not record.weight:
            record.number, record.account_id = 0, account_id
            record.names.clear()
        if name in record.names:
            return None
        if name:
            record.names.add(name)
        record.weight += deed.weight
        record.number += 1
        if record.account_id != account_id:
            record.account_id = SEVERAL
        if record.weight < ENOUGH:
            return None
        del self._records[network]
        text = deed.text if deed is Deed.SCANNER else f"{record.number} times, {deed.text} at last"
        return Enough(text, record.account_id)

    def forget(self, first: int, last: int) -> None:
        """Forgive whoever has had nothing wrong but the password of one of these accounts: it has another one now."""
        for network, record in list(self._records.items()):
            if record.account_id and first <= record.account_id <= last:
                del self._records[network]
