"""Whose a message is, of the workers that share the ports of one switch: found in its bytes, before it is read.

The kernel gives a datagram, or a connection, to one of the workers by the two addresses, so all that one phone says
comes to the same one. What belongs to a call of another worker says so itself: tags and branches that we make end in
the number of the boot (`stack/tokens.py:MarkedTokens`), an answer has one of ours in its top Via, a request in a dialog
in its To, an INVITE in its Replaces (RFC 3891) or Join (RFC 3911), where some turn the tags round, and a Route of ours
names a flow and who has it (RFC 5626 §5.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sipwright.memo import Bounded

__all__ = ["LATER", "Ours", "Sorter"]

_TOP_VIA = re.compile(rb"(?i)\n(?:via|v)[ \t]*:([^\r\n,]*)")
_BRANCH = re.compile(rb";[ \t]*branch=([!-:<-~]+)")
_FLOW = re.compile(rb";[ \t]*flow=([A-Za-z0-9_-]{20,512})")
_TO_TAG = re.compile(rb"\n(?:[Tt][Oo]|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;,]+)")
_ROUTE = re.compile(rb"(?i)\nroute[ \t]*:[ \t]*(?:\"[^\"\r\n]*\"[ \t]*)?<sips?:([A-Za-z0-9_-]{20,512})@")
_NAMED = re.compile(rb"(?i)\n(?:replaces|join)[ \t]*:([^\r\n]*)")
_NAMED_TAG = re.compile(rb"(?i);[ \t]*(to|from)-tag[ \t]*=[ \t]*([^\s;,]+)")
_MARK = re.compile(rb"[0-9a-f]{16,40}-b([0-9a-f]{1,12})(?:\.|$)")

REMEMBERED = 1_024
"""INVITEs that another worker has, as they replace one of its calls, say; their CANCEL says nothing of that."""

LATER = "later"
"""Whose a message is whose call is on its way from here to another process: that is to be asked again in a moment."""


class Ours:
    """Knows at a glance what belongs to one boot, where that is written as nearly everybody writes it.

    Most of what a worker gets is its own, as the kernel has seen to it. That is to be found out of each message, so
    one pattern says so in place of all that the sorter asks; it says nothing of a message that it does not know.
    """

    __slots__ = ("_is_answer", "_is_tag")

    def __init__(self, boot: int) -> None:
        mark = rb"[0-9a-f]{16,40}-b%x(?=[.;\r])" % boot
        # A brief transaction (`stack/receiver.py`) has its own mark in front.
        branch = rb"z9hG4bK(?:n-)?" + mark
        self._is_answer = re.compile(rb"SIP/2\.0 [^\r\n]*\r\nVia: [^\r\n,;]*;branch=" + branch).match
        self._is_tag = re.compile(mark).match

    def __call__(self, data: bytes) -> bool:
        """Return whether a message answers a request of the boot, or is in a dialog of its, as is plain to see."""
        if data.startswith(b"SIP/2.0 "):
            return self._is_answer(data) is not None
        start = data.find(b"\nTo: ")
        at = data.find(b">;tag=", start, data.find(b"\r", start)) if start > 0 else -1
        return at > 0 and self._is_tag(data, at + 6) is not None


def _as_its_boot(token: bytes) -> None:
    """Say nothing of a tag: its dialog is where all of its boot are."""


class Sorter:
    """Finds the worker that a message is for."""

    __slots__ = ("_elsewhere", "_node_of_token", "gone_to", "owner_of")

    def __init__(
        self, owner_of: Callable[[int], str | None], node_of_token: Callable[[str], str | None],
        gone_to: Callable[[bytes], str | None] = _as_its_boot,
    ) -> None:  # fmt: skip
        """Make it.

        Args:
            owner_of: Says which of the workers has the calls of a boot, if one has.
            node_of_token: Says whose flow a token names, if it is one of ours.
            gone_to: Says which of them has the dialog of a tag that has left its boot, `LATER`, or "" where none has.
        """
        self.owner_of = owner_of
        self.gone_to = gone_to
        self._node_of_token = node_of_token
        self._elsewhere: Bounded[bytes, str] = Bounded(REMEMBERED)

    def __call__(self, data: bytes) -> str | None:
        """Return the name of the node that a message is for; None where nothing in it says so."""
        if data.startswith(b"SIP/2.0 "):
            return self._of_response(data)
        if data.startswith(b"REGISTER "):
            return None
        owner = self._of_to(data)
        if owner is None and b"oute" in data and (route := _ROUTE.search(data)) is not None:
            owner = self._node_of_token(route[1].decode("ascii"))
        if owner is None and data.startswith((b"INVITE ", b"CANCEL ", b"ACK ")):
            owner = self._of_new(data)
        return owner

    def remember(self, data: bytes, node: str) -> None:
        """Let an INVITE, and what belongs to it, be another worker's."""
        via = _TOP_VIA.search(data)
        branch = None if via is None else _BRANCH.search(via[1])
        if branch is not None:
            self._elsewhere.keep(branch[1], node)

    def sender_of(self, data: bytes) -> str | None:
        """Return who has sent a request of ours, by its branch."""
        via = _TOP_VIA.search(data)
        branch = None if via is None else _BRANCH.search(via[1])
        return None if branch is None else self._of_mark(branch[1])

    def _of_to(self, data: bytes) -> str | None:
        """Find whose dialog a request is of, by the tag in its To."""
        # Nearly everybody writes that alike, and to look for what stands there takes a third of what a pattern takes
        # that knows all other ways. They count where nothing of ours is found.
        start = data.find(b"\nTo: ")
        end = data.find(b"\r", start)
        if start > 0 and (at := data.find(b">;tag=", start, end)) > 0:
            owner = self._of_mark(data[at + 6 : end])
            if owner is not None:
                return owner
        elif start > 0 and data.find(b"tag", start, end) < 0:
            return None
        tag = _TO_TAG.search(data)
        return None if tag is None else self._of_mark(tag[1])

    def _of_response(self, data: bytes) -> str | None:
        via = _TOP_VIA.search(data)
        branch = None if via is None else _BRANCH.search(via[1])
        if via is None or branch is None:
            return None
        found = self._of_mark(branch[1])
        if found is None and (flow := _FLOW.search(via[1])) is not None:
            return self._node_of_token(flow[1].decode("ascii"))
        return found

    def _of_new(self, data: bytes) -> str | None:
        """Find the call that an INVITE is to replace an end of, or to join, or what belongs to such an INVITE."""
        named = _NAMED.search(data) if data.startswith(b"INVITE ") else None
        if named is None and not self._elsewhere:
            return None
        via = _TOP_VIA.search(data)
        branch = None if via is None else _BRANCH.search(via[1])
        if branch is None:
            return None
        if named is None:
            return self._elsewhere.get(branch[1])
        tags = sorted(
            _NAMED_TAG.findall(named[1]), key=lambda tag: tag[0].lower(), reverse=True
        )  # To before From
        owner = next((found for _, tag in tags if (found := self._of_mark(tag)) is not None), None)
        if owner is not None:
            self._elsewhere.keep(branch[1], owner)
        return owner

    def _of_mark(self, token: bytes) -> str | None:
        mark = _MARK.search(token)
        if mark is None:
            return None
        gone_to = self.gone_to(token)
        return self.owner_of(int(mark[1], 16)) if gone_to is None else gone_to or None
