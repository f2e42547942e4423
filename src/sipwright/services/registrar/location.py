"""The location table: the bindings of every account, in memory (RFC 3261 §10.3).

There may be hundreds of thousands, and most are only refreshed and never called.  So an account's bindings
are one string, about 200 bytes for one phone, which the garbage collector has no reason to look into; they
become `Binding` values when somebody asks.
"""

from collections.abc import Callable, Sequence

from sipwright.services.ports import BindingTarget
from sipwright.services.registrar.bindings import ELSEWHERE, Binding
from sipwright.services.rows import StoredBinding
from sipwright.sip import NameAddr, ParseError, q_of
from sipwright.sip.grammar import split_list
from sipwright.transport.flow import parse_flow_key, place_of

__all__ = ["LocationTable"]

_FIELDS = len(Binding._fields)
_ROOM = 1_000  # sources that nobody is behind any more
_SOURCE, _PATH, _CONTACT = (1 + Binding._fields.index(name) for name in ("source", "path", "contact"))


class LocationTable:
    """Account id → bindings.  All instants are monotonic."""

    _ROUND = 30  # calls of `expire` in which it gets round to every account

    def __init__(
        self, capacity: int = 1_000_000, is_gone: Callable[[str], bool] = lambda source: False
    ) -> None:
        """`is_gone` tells of a flow, named by its key, whether it was a connection that has ended."""
        self.capacity = capacity
        self._is_gone = is_gone
        self._entries: dict[int, str] = {}
        self._others: dict[int, int] = {}
        """How many bindings an account has besides the first one, if it has several."""
        self._unchecked: list[int] = []
        self._sources: dict[str, int] | None = None

    def __len__(self) -> int:
        """Count the accounts that have bindings."""
        return len(self._entries)

    @property
    def bindings_count(self) -> int:
        """How many bindings all accounts have."""
        return len(self._entries) + sum(self._others.values())

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another account."""
        return len(self._entries) >= self.capacity

    def __contains__(self, account_id: int) -> bool:
        return account_id in self._entries

    def bindings(self, account_id: int) -> list[Binding]:
        """Return the bindings of an account, expired ones too, the one refreshed longest ago first."""
        entry = self._entries.get(account_id)
        return [] if entry is None else _unpack(entry)

    def sole(self, account_id: int) -> list[str] | None:
        """Return the one binding of an account as the texts of its fields; none if it has none and there is room.

        None says that it is not so simple. Every registration asks, so no `Binding` is made.
        """
        entry = self._entries.get(account_id)
        if entry is None:
            return [] if len(self._entries) < self.capacity else None
        lines = entry.split("\n")
        return lines[1:] if len(lines) == _FIELDS + 1 else None

    def put_sole(
        self, account_id: int, expires_at: int, cseq: int, call_id: str, source: str, path: str, contact: str
    ) -> None:  # fmt: skip
        """Make this the only binding of an account that `sole` has told of; nothing in it breaks a line."""
        self._entries[account_id] = (
            f"{expires_at}\n{expires_at}\n{cseq}\n{call_id}\n{source}\n{path}\n{contact}"
        )
        if self._sources is not None:
            self._sources[place_of(source)[1]] = account_id

    def targets(self, account_id: int, now: float) -> list[BindingTarget]:
        """Return how to reach the phones of an account, the preferred and then the latest first."""
        lines = self._entries.get(account_id, "").split("\n")
        if len(lines) == _FIELDS + 1 and not lines[_PATH] and _is_plain(lines[_CONTACT]):
            # One phone that has told no more than its address, as nearly all: no binding is made of it.
            source = lines[_SOURCE]
            if int(lines[1]) + (ELSEWHERE if "!" in source else 0) < int(now):
                return []
            return [BindingTarget(lines[_CONTACT][1:-1], source, [], 1.0, None)]
        bindings = reversed(self.bindings(account_id))
        found = [_target(binding) for binding in bindings if not binding.has_expired(now)]
        if len(found) > 1:
            found.sort(key=lambda target: target.q, reverse=True)
            return self._one_flow_each(found)
        return found

    def _one_flow_each(self, targets: list[BindingTarget]) -> list[BindingTarget]:
        """Leave one flow of each device that has several, one that is still there if any is (RFC 5626 §7)."""
        chosen: dict[str, BindingTarget] = {}
        for target in targets:
            device = target.instance if target.has_flows else None
            if device is None:
                continue
            before = chosen.get(device)
            if before is None or (self._is_gone(before.source) and not self._is_gone(target.source)):
                chosen[device] = target
        return [
            target
            for target in targets
            if not target.has_flows or target.instance is None or chosen[target.instance] is target
        ]

    def next_flow(
        self, account_id: int, instance: str, is_current: Callable[[BindingTarget], bool], now: float
    ) -> BindingTarget | None:
        """Return the flow of a device that is tried after the current one, as that has failed (RFC 5626 §7)."""
        bindings = reversed(self.bindings(account_id))
        found = [_target(binding) for binding in bindings if not binding.has_expired(now)]
        flows = [target for target in found if target.has_flows and target.instance == instance]
        flows.sort(key=lambda target: target.q, reverse=True)
        current = [index for index, target in enumerate(flows) if is_current(target)]
        rest = flows[current[0] + 1 :] if current else flows
        return next((target for target in rest if not self._is_gone(target.source)), None)

    def flow_keys(self, account_id: int) -> list[str]:
        """Return the keys of the flows that the phones of an account have registered over, also a while ago."""
        return [binding.source for binding in self.bindings(account_id)]

    def is_at(self, account_id: int, source: str, now: float) -> bool:
        """Return whether a phone of an account is registered at a flow now.

        It is asked of every request inside a dialog, so it makes nothing of what it need not.
        """
        lines = self._entries.get(account_id, "").split("\n")
        if len(lines) == _FIELDS + 1 and lines[_SOURCE] == source:  # one phone, as most accounts have
            return int(lines[0]) >= int(now)
        plain = place_of(source)[1]
        if not any(place_of(other)[1] == plain for other in lines[_SOURCE::_FIELDS]):
            return False
        is_each_valid = int(lines[0]) >= int(now)
        return is_each_valid or any(
            place_of(binding.source)[1] == plain and not binding.has_expired(now)
            for binding in self.bindings(account_id)
        )

    def put(self, account_id: int, bindings: list[Binding]) -> None:
        """Make these the bindings of an account."""
        if len(bindings) > 1:
            self._others[account_id] = len(bindings) - 1
        elif self._others:
            self._others.pop(account_id, None)
        if bindings:
            self._entries[account_id] = _pack(bindings)
            if self._sources is not None:
                for binding in bindings:
                    self._sources[place_of(binding.source)[1]] = account_id
        else:
            self._entries.pop(account_id, None)

    def account_at(self, source: str, now: float) -> int | None:
        """Return the account whose phone registered from a flow, named by its key.

        It may have registered at another worker. Seldom asked, so the index is only made, and kept, from the first
        time on.
        """
        sources = self._sources
        if sources is None or len(sources) > 2 * len(self._entries) + _ROOM:
            sources = self._sources = {
                place_of(binding.source)[1]: account_id
                for account_id in self._entries
                for binding in self.bindings(account_id)
            }
        source = place_of(source)[1]
        account_id = sources.get(source)
        if account_id is None:
            return None
        is_there = any(
            place_of(binding.source)[1] == source and not binding.has_expired(now)
            for binding in self.bindings(account_id)
        )
        return account_id if is_there else None

    def accounts_between(self, first_id: int, last_id: int) -> list[int]:
        """Return the accounts with bindings whose number is in a range, both ends included."""
        if last_id - first_id < len(self._entries):
            return [account_id for account_id in range(first_id, last_id + 1) if account_id in self._entries]
        return [account_id for account_id in self._entries if first_id <= account_id <= last_id]

    def load(self, rows: Sequence[StoredBinding], now: float, now_unix: float) -> None:
        """Take over stored bindings at start, which hold times of day.

        Those that have expired meanwhile are taken too, so that `expire` finds them and their rows go.
        """
        entries = self._entries
        several: dict[int, list[tuple[float, Binding]]] = {}
        for account_id, _, expires_at, text in rows:
            if account_id not in entries:
                second = int(now + expires_at - now_unix)
                entries[account_id] = f"{second}\n{second}\n{text}"
            else:
                several[account_id] = []
        for account_id, updated_at, expires_at, text in rows if several else ():
            if account_id in several:
                cseq, *others = text.split("\n")
                binding = Binding(int(now + expires_at - now_unix), int(cseq), *others)
                several[account_id].append((updated_at, binding))
        for account_id, pairs in several.items():
            self.put(account_id, [binding for _, binding in sorted(pairs)])

    def expire(self, now: float) -> list[tuple[int, Binding]]:
        """Forget what has expired in the next part of the table, and return it with its account.

        What is another node's is returned as soon as its time seems to be over, for whoever can look it up again.
        To be called every second or so.  Nothing depends on its being on time, since no method gives an
        expired binding; this only makes room.
        """
        if not self._unchecked:
            self._unchecked = list(self._entries)
        count = len(self._entries) // self._ROUND + 1
        part, self._unchecked = self._unchecked[-count:], self._unchecked[:-count]
        found: list[tuple[int, Binding]] = []
        for account_id in part:
            entry = self._entries.get(account_id)
            if entry is None or int(entry[: entry.index("\n")]) >= int(now):
                continue
            bindings = _unpack(entry)
            found += [(account_id, binding) for binding in bindings if binding.is_doubtful(now)]
            self.put(account_id, [binding for binding in bindings if not binding.has_expired(now)])
        return found


def _pack(bindings: list[Binding]) -> str:
    """Write bindings as lines: the earliest expiry of all, then the fields of each."""
    entry = str(min(bindings)[0])
    for expires_at, cseq, call_id, source, path, contact in bindings:
        entry += f"\n{expires_at}\n{cseq}\n{call_id}\n{source}\n{path}\n{contact}"
    if entry.count("\n") != len(bindings) * _FIELDS:
        raise ValueError(f"a line break in a binding: {bindings!r:.200}")
    return entry


def _unpack(entry: str) -> list[Binding]:
    lines = entry.split("\n")
    if len(lines) == _FIELDS + 1:
        # Most accounts have one phone.
        _, expires_at, cseq, call_id, source, path, contact = lines
        return [Binding(int(expires_at), int(cseq), call_id, source, path, contact)]
    return [
        Binding(int(lines[at]), int(lines[at + 1]), *lines[at + 2 : at + _FIELDS])
        for at in range(1, len(lines), _FIELDS)
    ]


def _is_plain(contact: str) -> bool:
    """Return whether a contact is an address in angle brackets and nothing else."""
    return contact[:1] == "<" and contact.find(">") == len(contact) - 1


def _target(binding: Binding) -> BindingTarget:
    path = split_list(binding.path) if binding.path else []
    source = _from_here(binding.source, path[0]) if path and "!" in binding.source else binding.source
    if _is_plain(binding.contact):
        return BindingTarget(binding.uri, source, path, 1.0, None)
    contact = NameAddr.parse(binding.contact)
    uri, instance = str(contact.uri), contact.param("+sip.instance")
    return BindingTarget(uri, source, path, q_of(contact), instance, "reg-id" in contact.params)


def _from_here(source: str, first: str) -> str:
    """Return the source of a binding of another node as it is used here.

    Where a proxy has registered a phone, and takes datagrams where its Path says, every node reaches it, whatever has
    become of the one that it has chosen (RFC 3327 §5.3).
    """
    plain = place_of(source)[1]
    try:
        uri, there = NameAddr.parse(first, "path").uri, parse_flow_key(plain)
    except (ParseError, ValueError):
        return source
    is_open = there.protocol == "udp" and (uri.host.strip("[]"), uri.used_port) == there.remote
    return plain if is_open else source
