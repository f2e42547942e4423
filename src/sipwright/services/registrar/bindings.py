"""Bindings, and the rules by which a REGISTER changes those of one account (RFC 3261 §10.3 steps 6 and 7).

All of it is about one account and does not wait; where the bindings of all accounts are kept is in
`location.py`, and where a REGISTER is answered in `location_service.py`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sipwright.sip import NameAddr, Uri, uris_match

__all__ = ["ELSEWHERE", "Binding", "Change", "OutOfOrder", "changed", "cleared", "is_repeated"]


ELSEWHERE = 40
"""Seconds for which a binding of another node stays that seems to have expired: it is looked up within a round of
`LocationTable.expire`."""


class OutOfOrder(Exception):
    """A REGISTER that a later one of the same phone has overtaken; nothing of it may be done."""


class Binding(NamedTuple):
    """Where one phone of an account can be reached.

    Attributes:
        expires_at: In whole seconds of the monotonic clock; it is good until that second is over.
        cseq: The CSeq number that it was last registered with.
        call_id: The Call-ID that it was last registered with.
        source: The key of the flow that it was registered over.
        path: The Path header values that it was registered with, separated by commas (RFC 3327).
        contact: As the phone wrote it, without `expires`; always with angle brackets.
    """

    expires_at: int
    cseq: int
    call_id: str
    source: str
    path: str
    contact: str

    @property
    def uri(self) -> str:
        """The URI in the contact, as it was written."""
        if self.contact[0] == "<":
            return self.contact[1 : self.contact.index(">")]
        return str(NameAddr.parse(self.contact).uri)

    def has_expired(self, now: float) -> bool:
        """Return whether its time is over; one of another node may have been refreshed there, and stays for a while."""
        return self.expires_at + (ELSEWHERE if "!" in self.source else 0) < int(now)

    def is_doubtful(self, now: float) -> bool:
        """Return whether its time is over, as far as is known here."""
        return self.expires_at < int(now)


class Change(NamedTuple):
    """What one Contact of a REGISTER asks for, with the time that was granted; 0 asks for removal.

    The URI may be a text that is known to be one: it is read only where others have to be compared with it.
    """

    uri: Uri | str
    contact: str
    granted: int
    q: float = 1.0
    instance: str | None = None
    reg_id: int | None = None


def changed(
    bindings: list[Binding],
    changes: Iterable[Change],
    template: Binding,
    limit: int,
) -> tuple[list[Binding], list[tuple[Change, Binding]]]:
    """Return the bindings after a REGISTER, the one that was refreshed longest ago first.

    Args:
        bindings: Those there are, in the same order.
        changes: What the Contacts ask for.  The last one counts when several name the same address.
        template: What all new bindings have in common; its `expires_at` is the present second.
        limit: How many bindings there may be; beyond it the oldest go.

    Returns:
        All bindings, and of them those that this request made or refreshed, with what asked for them.

    Raises:
        OutOfOrder: One of them was made by this request or a later one of the same Call-ID.
    """
    kept = list(bindings)
    fresh: list[tuple[Change, Binding]] = []
    second, cseq, call_id, source, path, _ = template
    for change in changes:
        while kept and (index := _find(kept, change)) is not None:  # flows of one address may be several
            _check_order(kept.pop(index), template)
        if fresh:
            fresh = [pair for pair in fresh if _find([pair[1]], change) is None]
        if change.granted:
            binding = Binding(second + change.granted, cseq, call_id, source, path, change.contact)
            fresh.append((change, binding))
    if len(fresh) == 1 and not kept:
        return [fresh[0][1]], fresh
    fresh = fresh[-limit:]
    kept += [binding for _, binding in fresh]
    return kept[-limit:], fresh


def cleared(bindings: list[Binding], template: Binding) -> list[Binding]:
    """Return what is left after `Contact: *`, which is nothing.

    Raises:
        OutOfOrder: One of them was made by this request or a later one of the same Call-ID.
    """
    for binding in bindings:
        _check_order(binding, template)
    return []


def is_repeated(bindings: list[Binding], changes: Iterable[Change], template: Binding) -> bool:
    """Return whether a REGISTER is the one that made these bindings, once more, and that nothing came between.

    §10.3 step 7 makes an equal CSeq of the same Call-ID an error, which suits a request that was overtaken. But a phone
    whose 200 was lost when the switch was killed sends the same request again, and its transaction is gone; it is
    right that its wish be granted, since it has been. (Kamailio's usrloc skips an equal CSeq for 20 s likewise.)

    The threat is a captured REGISTER that is played again: while its nonce lives it is as good as the phone's own
    repetition. So a repetition changes nothing: it must ask for what is there, from where that was asked, and it
    neither extends a binding nor brings a removed one back.
    """
    is_any = False
    for change in changes:
        index = _find(bindings, change)
        if index is None:
            if change.granted:
                return False
            continue
        binding = bindings[index]
        is_same = (
            binding.contact == change.contact
            and (binding.cseq, binding.call_id) == (template.cseq, template.call_id)
            and (binding.source, binding.path) == (template.source, template.path)
        )
        # What was granted then has not become more since; had less been asked for now, it would not be enough.
        if not is_same or not change.granted or binding.expires_at > template.expires_at + change.granted:
            return False
        is_any = True
    return is_any


def _check_order(binding: Binding, request: Binding) -> None:
    if binding.call_id == request.call_id and request.cseq <= binding.cseq:
        raise OutOfOrder


def _find(bindings: list[Binding], change: Change) -> int | None:
    # Most phones refresh with the very words that they registered with.
    for index, binding in enumerate(bindings):
        if binding.contact == change.contact:
            return index
    for index, binding in enumerate(bindings):
        if _is_another_flow(binding, change):
            continue
        if uris_match(Uri.parse(binding.uri), _uri_of(change)) or _is_same_flow(binding, change):
            return index
    return None


def _uri_of(change: Change) -> Uri:
    return Uri.parse(change.uri) if isinstance(change.uri, str) else change.uri


def _is_same_flow(binding: Binding, change: Change) -> bool:
    """Return whether a phone comes back under another address over the flow of that number (RFC 5626 §6)."""
    return change.reg_id is not None and _flow_of(binding) == (change.instance, change.reg_id)


def _is_another_flow(binding: Binding, change: Change) -> bool:
    """Return whether a binding is of a flow that a change is not of, though both may have one address (RFC 5626 §6).

    Who numbers no flow stands for all that it has had, and who names no device for all of the address.
    """
    known = None if change.instance is None else _flow_of(binding)
    if known is None:
        return False
    return known[0] != change.instance or change.reg_id not in (None, known[1])


def _flow_of(binding: Binding) -> tuple[str, int] | None:
    """Return the device of a binding, and the number of its flow, if it has one."""
    if "reg-id" not in binding.contact.lower():
        return None
    known = NameAddr.parse(binding.contact)
    instance, reg_id = known.param("+sip.instance"), known.param("reg-id")
    if instance is None or reg_id is None or not (reg_id.isascii() and reg_id.isdigit()):
        return None
    return instance, int(reg_id)
