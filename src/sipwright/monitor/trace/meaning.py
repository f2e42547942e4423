"""What a phone or a provider means by the status that it has answered, and what somebody can do about it."""

from __future__ import annotations

from typing import Any

from sipwright.store.history.calltraces import CallTrace

from .ladder import numbered_legs, rungs

__all__ = ["meanings"]

_MOST = 2
"""Sentences on one call."""

_LOCAL = "local"

_OF_PROVIDER = {
    (
        401,
        407,
    ): "{who} does not take our user name and password; 'sipwright provider test {who}' shows what it says",
    (
        402,
        403,
    ): "{who} does not allow it: is the number barred there, the credit used up, or the number that calls none "
    "of yours ('sipwright provider set {who} --from-uri', '--caller-out')?",
    (404, 484, 604): "{who} does not know the number as it was written: see '--number-format' and e164()",
    (422,): "{who} wants a longer session interval than we have agreed to ([sip] session_expires)",
    (482, 483): "the call goes round in a circle between {who} and here",
}
_OF_PHONE = {
    (480,): "the phone of {who} says so itself: do-not-disturb may be on there",
    (603,): "somebody has declined at {who}, or the phone does so by itself",
    (401, 403, 407): "the phone of {who} takes calls only from where it wants to: look at its settings for "
    "'accept calls from the registrar only'",
    (
        404,
        604,
    ): "the phone of {who} does not know the name that it is called by: its user name differs from the account's",
}
_OF_ANYBODY = {
    (
        415,
        488,
        606,
    ): "{who} and the caller have no codec in common, or one of them insists on encryption (SRTP)",
    (416, 420): "{who} does not know something that the call requires",
    (413, 513): "the message is too large for {who}: fewer codecs, or TCP",
}


def meanings(trace: CallTrace) -> list[str]:
    """Return what those that have refused a call mean, each once.

    What was decided here, and came by the loop between two parts of a call, explains itself.
    """
    if not trace.legs:
        return []
    refused = {
        (rung.leg, int(rung.label[:3]))
        for rung in rungs(trace)
        if rung.is_to_switch and rung.leg and rung.label[:3].isdigit() and not rung.flow.startswith("loop")
    }
    said = (_meaning(leg) for leg in numbered_legs(trace) if (leg["leg"], leg["status"]) in refused)
    return list(dict.fromkeys(one for one in said if one is not None))[:_MOST]


def _meaning(leg: dict[str, Any]) -> str | None:
    user, _, host = (leg["target"] or "").rpartition("@")
    is_phone, is_provider = host == _LOCAL, host != _LOCAL and "." not in host
    who = user if is_phone else host
    for table in (_OF_PHONE if is_phone else _OF_PROVIDER if is_provider else {}, _OF_ANYBODY):
        for statuses, sentence in table.items():
            if leg["status"] in statuses:
                return f"{leg['status']}: {sentence.format(who=who)}" + "." * (not sentence.endswith("?"))
    return None
