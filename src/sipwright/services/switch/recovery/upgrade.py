"""Documents of earlier formats: each step makes of one format the next, and nothing here is ever changed again.

A step works on what JSON gives, and knows names and places as they were then, never those of today's classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["upgraded"]

Json = dict[str, Any]


def upgraded(document: Any, number: int, last: int) -> Json:
    """Return a document of format `number` as one of format `last`.

    Raises:
        ValueError, TypeError, LookupError: It is damaged, or of a format that was never released.
    """
    while number < last:
        document = STEPS[number](document)
        number += 1
    if not isinstance(document, dict):
        raise TypeError(f"not an object: {document!r:.40}")
    return document


# From 2 to 3: from places to names, and a call says of which kind it is.

_IDENTITY = ("direction", "account_id", "user_id", "domain", "dialplan_id", "dialplan", "version")
_FACTS = (
    "started_at", "answered_at", "from_text", "to_text", "dialled_user", "max_forwards", "loops", "limit",
)  # fmt: skip
_LEG = (
    "state", "call_id", "tag", "flow", "source", "is_phone", "dialog", "invite", "invite_cseq", "ack", "started_at",
    "rang_at", "answered_at", "ended_at", "outcome", "hung_up_by", "instance", "unacked_response", "pending_request",
    "last_final",
)  # fmt: skip
_DESTINATION = (
    "target", "uri", "to", "flow", "route", "account_id", "provider", "delay", "limit", "mangle", "from_name",
    "from_user", "from_host", "headers", "redirects", "transfer", "redirect", "redirect_to", "instance",
)  # fmt: skip
_DIALOG = (
    "call_id", "local_tag", "remote_tag", "local_uri", "remote_uri", "local_cseq", "remote_cseq", "route_set",
    "remote_target",
)  # fmt: skip
_RELAY = ("sender", "receiver", "request", "wire", "has_answered_challenge", "is_done")
_TRANSFER = (
    "transferor", "remaining", "report", "stage", "other_id", "target", "failure", "offer", "invite",
)  # fmt: skip
_REPORT = ("name", "is_wanted", "wire", "next", "has_answered", "last")
_TAKEOVER = ("other_id", "place", "invite")
_REINVITE = ("wire", "has_answered")
_THIRD_PARTY = ("first", "second", "offer", "then", "ring", "versions")


def _named(names: tuple[str, ...], values: Any) -> Json:
    """Return what stood in those places, by its names."""
    return dict(zip(names, values, strict=True))


def _from_2(document: Any) -> Json:
    _, state, identity, facts, timers, caller, legs, relays, rest = document
    peer, early_leg, hunt, execution_id, *more = rest
    *common, progress = caller
    call = {
        "format": 3,
        "kind": "call",
        "state": state,
        **_named(_IDENTITY, identity),
        **_named(_FACTS, facts),
        "timers": timers,
        "caller": {**_leg_of_2(common), "progress": progress},
        "legs": [
            {
                **_leg_of_2(common),
                "destination": _destination_of_2(destination),
                "has_authenticated": has_authenticated,
            }
            for *common, destination, has_authenticated in legs
        ],
        "peer": peer,
        "early_leg": early_leg,
        "execution_id": execution_id,
        "processes": [{"kind": "relay", **_named(_RELAY, relay)} for relay in relays],
    }
    if hunt is not None:
        call["hunt"] = _named(("groups", "ring", "headers", "first"), hunt)
    return _with_more_of_2(call, more)


def _destination_of_2(values: Any) -> Json:
    """Read a destination; where nothing was said of an option, what is usual was written."""
    destination = _named(_DESTINATION, values)
    for name, usual in (("delay", 0.0), ("mangle", True), ("transfer", ""), ("redirect", "follow")):
        if destination[name] == usual:
            del destination[name]
    return destination


def _with_more_of_2(call: Json, more: list[Any]) -> Json:
    """Read the end of the document, which was another one for each kind of call."""
    if more and more[0][0] == "referred":
        call["kind"], call["target"] = "target", _named(("origin_id", "second"), more[0][1:])
        return call
    if more and more[0][0] != "call":
        call["kind"], call["third_party"] = "third_party", _named(_THIRD_PARTY, more[0])
    if more and more[-1][0] == "call":
        _, call["near"], transfer, takeover = more[-1]
        if transfer is not None:
            call["processes"].append(_transfer_of_2(transfer))
        if takeover is not None:
            process = {"kind": "takeover", **_named(_TAKEOVER, takeover)}
            call["processes"].append({**process, "invite": _reinvite_of_2(process["invite"])})
    return call


def _leg_of_2(values: Any) -> Json:
    leg = _named(_LEG, values)
    if leg["dialog"] is not None:
        dialog = _named(_DIALOG, leg["dialog"][: len(_DIALOG)])  # earlier ones told whether it was early
        del dialog["call_id"], dialog["local_tag"]  # which are those of the leg
        leg["dialog"] = dialog
    if leg["outcome"] is not None:
        leg["outcome"] = _outcome_of_2(leg["outcome"])
    for name, at in (("unacked_response", "unacked_at"), ("last_final", "last_final_at")):
        leg[name], leg[at] = leg[name] or (None, 0.0)
    return leg


def _outcome_of_2(values: Any) -> Json:
    status, reason, *headers = values
    return {"status": status, "reason": reason, "headers": headers[0] if headers else []}


def _transfer_of_2(values: Any) -> Json:
    transfer = {"kind": "transfer", **_named(_TRANSFER, values)}
    report = _named(_REPORT, transfer["report"])
    report["last"] = _named(("status", "reason"), report["last"])
    if report["next"] is not None:
        report["next"] = _named(("status", "reason", "state"), report["next"])
    if transfer["offer"] is not None:
        transfer["offer"] = _named(("body", "content_type"), transfer["offer"])
    failure, invite = _outcome_of_2(transfer["failure"]), _reinvite_of_2(transfer["invite"])
    return {**transfer, "report": report, "failure": failure, "invite": invite}


def _reinvite_of_2(values: Any) -> Json | None:
    return None if values is None else _named(_REINVITE, values)


# From 3 to 4: not whether a challenge was answered, but how often.


def _from_3(document: Any) -> Json:
    for leg in document["legs"]:
        _count_rounds(leg, "has_authenticated")
    for process in document.get("processes", ()):
        if process["kind"] == "relay":
            _count_rounds(process, "has_answered_challenge")
        if process["kind"] == "transfer":
            _count_rounds(process["report"], "has_answered")
        if process.get("invite") is not None:
            _count_rounds(process["invite"], "has_answered")
    return {**document, "format": 4}


def _count_rounds(of: Json, name: str) -> None:
    of["rounds"] = int(of.pop(name, False))


STEPS: dict[int, Callable[[Any], Json]] = {2: _from_2, 3: _from_3}
