"""Whose leg an INVITE with Replaces (RFC 3891 §3) or Join (RFC 3911 §4) names, as far as who has made its tags goes."""

from __future__ import annotations

import re

from sipwright.sip import Request

__all__ = ["replaced_tags"]

_TAGS = re.compile(r"(?i);[ \t]*(to|from)-tag[ \t]*=[ \t]*([^\s;,]{1,256})")


def replaced_tags(invite: Request) -> list[str]:
    """Return the tags of the dialog that an INVITE is to take the place of, or to join, ours first.

    Some phones turn them round.
    """
    index = invite.headers.index()
    name = "replaces" if "replaces" in index else "join"
    if name not in index:
        return []
    found = _TAGS.findall(invite.headers.get(name) or "")
    return [tag for kind in ("to", "from") for which, tag in found if which.lower() == kind]
