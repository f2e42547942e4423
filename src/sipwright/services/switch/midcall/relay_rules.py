"""What holds of requests that cross a call by their method: whose name stands under them, and what failures mean."""

from __future__ import annotations

from sipwright.sip import Response

from ..call.call import Call
from ..call.leg import Leg
from ..model.header_table import Party

__all__ = [
    "AWAY_FOR",
    "REFRESHES",
    "RETRY_LATER",
    "end_if_gone",
    "is_ours_to_sign",
    "retry_later",
    "status_back",
]

AWAY_FOR = 24.0
"""Seconds for which a request waits for a phone that has no connection.

Whoever asks, and hears nothing for 64*T1, takes the call for over (RFC 3261 §12.2.1.2).
"""

RETRY_LATER = ("Retry-After", "10")
"""What goes with a 500 that is about one request, and not about the call (RFC 5057 §5.1, RFC 3261 §21.5.1)."""

REFRESHES = frozenset({"INVITE", "UPDATE"})
"""What says how the call is from now on: where its sender is, and for how long it lasts."""

_OF_THE_CALL = frozenset({"INVITE", "UPDATE", "PRACK"})
"""What a call needs to go on, so that we stand for it at a provider; all else is somebody else's wish.

With our credentials under a REFER, a stranger would call at the expense of whoever has the provider.
"""

_OF_ITS_OWNER = frozenset({"INFO", "MESSAGE", "OPTIONS"})
"""What a phone of the one who has the provider may say there in its call as well; none of it has anybody called."""

_SIGNED_FOR_OWNER = _OF_ITS_OWNER | {"REFER", "NOTIFY", "SUBSCRIBE"}
"""That, and transfers, with what is told of them: one gets to a provider only where the dialplan says so
(`transfer="pass"`)."""


_OVER = frozenset({408, 481})

_GONE = frozenset({404, 410, 416, 480, 482, 483, 484, 485, 502, 604})
"""What says by RFC 5057 §5.1 that who was asked is not there any more, or cannot be reached.

It ends the call at who believes that and hears it. In truth phones, gateways and the proxies between say some of it of
one request alone: so nobody is hung up on for it, and both ends are asked.
"""


def is_ours_to_sign(method: str, sender: Leg) -> bool:
    """Return whether we answer for a request of a leg, should a provider ask who says that (RFC 3261 §22.2)."""
    return method in _OF_THE_CALL or (method in _SIGNED_FOR_OWNER and sender.party is Party.PHONE)


def end_if_gone(call: Call, method: str, status: int) -> None:
    """End the call if the far end is gone, or does not know it any more (RFC 3261 §12.2.1.2, RFC 3311 §5.3).

    To a NOTIFY, a REFER or a SUBSCRIBE a 481 speaks of a subscription (RFC 5057 §5.1). Who says nothing to what is
    no part of the call, as it may be too large for the way, is asked; and both are when one has said what may have
    ended the call.
    """
    is_over = status in _OVER
    if is_over and (method in REFRESHES or (method in _OF_ITS_OWNER and status == 481)):
        what = "Re-INVITE" if method == "INVITE" else method
        call.hang_up("switch", f'SIP;cause={status};text="{what} failed"', status=status)
    elif (is_over and method in _OF_ITS_OWNER) or status in _GONE:
        call.ports.listeners.in_doubt(call)


def status_back(status: int, *, as_invite: bool) -> int:
    """Return what the sender is answered; it cannot help what we are asked for on the other leg."""
    if as_invite and status == 487:
        return 504  # nobody has approved of it in time (RFC 3311 §5.2)
    if status == 430:
        # No endpoint hears that a flow has failed (RFC 5626 §11.5), and 480 would end the call (RFC 5057 §5.1).
        return 500
    return status if status not in (401, 407) else 403


def retry_later(response: Response) -> tuple[tuple[str, str], ...]:
    """Return when to ask again where a flow has failed, if that is not said."""
    is_said = response.status != 430 or "retry-after" in response.headers.index()
    return () if is_said else (RETRY_LATER,)
