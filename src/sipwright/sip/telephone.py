"""Numbers that are dialled: `tel:` (RFC 3966), SIP URIs of `user=phone` (RFC 3261 §19.1.6), for help (RFC 5031).

What they stand for is a SIP URI with a plain number. The other parameters of a number say how its network is to treat
it, which is nobody's business but ours.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from sipwright.sip.uri import Uri

__all__ = ["HELP", "context_of", "dialled_uri", "plain_subscriber"]

HELP: Final = "112"
"""What a call for help goes to, where nothing else is said (3GPP TS 22.101 §10.1)."""

_SEPARATORS = str.maketrans("", "", "-.()")
# As letters are digits of local numbers, too, a name that has only these must not be taken for one.
_is_number = re.compile(r"\+?[0-9]+|[0-9*#][0-9A-Da-d*#]*").fullmatch
_is_for_help = re.compile(r"(?i)service:sos(?:\.[a-z0-9-]+)*").fullmatch


def plain_subscriber(user: str) -> str:
    """Return a number without visual separators and parameters (RFC 3966 §3, §5.1.1); what is none stays as it is."""
    bare = user.partition(";")[0].translate(_SEPARATORS)
    return bare if _is_number(bare) else user


def context_of(uri: Uri) -> str | None:
    """Return where the number of a tel URI is one, if it is not one everywhere: a domain, or the begin of numbers."""
    is_global = uri.user is not None and uri.user.startswith("+")
    return None if uri.scheme != "tel" or is_global else uri.params.get("phone-context")


def dialled_uri(uri: Uri, domain: str, help_: str = HELP) -> Uri | None:
    """Return the SIP URI that a dialled one stands for; None for one of a scheme that leads nowhere.

    Args:
        uri: What was dialled.
        domain: Where a number is looked for that names no domain.
        help_: The number that a call for help goes to.
    """
    if uri.is_sip:
        if uri.user is None or (uri.params.get("user") or "").lower() != "phone":
            return uri
        number = plain_subscriber(uri.user)
        return uri if number == uri.user else uri.replace(user=number)
    if uri.scheme == "tel" and uri.user:
        return Uri(host=domain, user=plain_subscriber(unquote(uri.user)), params={"user": "phone"})
    if uri.scheme == "urn" and _is_for_help(uri.opaque):
        return Uri(host=domain, user=help_)
    return None
