"""Whose leg an INVITE with Replaces names (RFC 3891 §3), as far as who has made its tags goes."""

from __future__ import annotations

import re

from sipwright.sip import Request

__all__ = ["replaced_tags"]

_TAGS = re.compile(r"(?i);[ \t]*(to|from)-tag[ \t]*=[ \t]*([^\s;,]{1,256})")


def replaced_tags(invite: Request) -> list[str]:
    """Return the tags of the dialog that an INVITE is to take the place of, ours first; some phones turn them round."""
    if "replaces" not in invite.headers.index():
        return []
    found = _TAGS.findall(invite.headers.get("replaces") or "")
    return [tag for kind in ("to", "from") for which, tag in found if which.lower() == kind]
