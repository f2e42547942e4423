"""``from sipsorcery import sys, req``: the names of the 2009 service, as aliases of today's functions.

``sys`` has methods that check like ours and return the same commands, and attributes that are looked up when they are
read, in any case (``sys.LastFailureStatus``, ``sys.lastfailurestatus``). ``req`` is a copy of the request in the old
shape. ``old_names.pyi`` says the same to the type checker; what only made sense in 2009 is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_monty import ClassInstance, ExternalModule

from sipwright.services.leg_options import MAX_LIMIT
from sipwright.services.script_headers import one_line

from . import outside_functions
from .arguments import text
from .call_functions import MAX_RING, ScriptApi, zone
from .commands import Ask, Dial, LogLine, Respond, Sleep
from .values import HttpResponse, Inputs, Raised

__all__ = ["METHODS", "NAMES", "SYS_ID", "attribute", "old_module", "reshape", "shape_of"]

SYS_ID = UUID(int=0x51B_0002)
"""Names ``sys`` in every sandbox."""

ENUM_ZONE = "e164.arpa"


class OldUri(NamedTuple):
    """``req.URI``."""

    User: str
    UnescapedUser: str
    Host: str
    Text: str


class OldName(NamedTuple):
    """``req.Header.From`` and ``req.Header.To``."""

    FromName: str
    FromURI: OldUri
    ToName: str
    ToURI: OldUri


class OldHeader(NamedTuple):
    """``req.Header``."""

    From: OldName
    To: OldName
    UserAgent: str
    ProxyReceivedFrom: str


class OldRequest(NamedTuple):
    """``req``."""

    Method: str
    URI: OldUri
    Header: OldHeader
    Body: str
    header: OldHeader
    uri: OldUri


class OldResponse(NamedTuple):
    """``sys.LastDialled[0].TransactionFinalResponse``."""

    StatusCode: int
    ReasonPhrase: str


class OldTransaction(NamedTuple):
    """``sys.LastDialled[0]``."""

    TransactionFinalResponse: OldResponse


for _class in (OldUri, OldName, OldHeader, OldRequest, OldResponse, OldTransaction):
    _class.__module__ = "builtins"


# sys.Dial and its like; parameters are positional, as they were.


def _dial(api: ScriptApi, target: str, ring: float = 0, limit: float = 0) -> Dial:
    name, user, host = api.facts.get("from") or (None, None, None)
    return api.dial(
        target,
        ring=min(ring, MAX_RING) or None,
        limit=min(limit, MAX_LIMIT) or None,
        from_name=name,
        from_user=user,
        from_host=host,
        headers=api.facts.get("headers"),
    )


def _respond(
    api: ScriptApi, status: int, reason: str | None = None, headers: str | dict[str, str] | None = None
) -> Respond:
    if isinstance(headers, str):
        entries = [entry.strip() for entry in headers.split("|") if entry.strip()]
        if entries and 300 <= status < 400 and ":" not in entries[0].partition("sip")[0]:
            entries[0] = f"Contact: <{entries[0]}>"
        parts = [entry.partition(":") for entry in entries]
        headers = {name.strip(): value.strip() for name, _, value in parts}
    return api.respond(status, reason, headers)


def _set_from_header(
    api: ScriptApi, name: str | None = None, user: str | None = None, host: str | None = None
) -> None:
    api.facts["from"] = [
        None if value is None else one_line(text("a part of From", value), 256)
        for value in (name, user, host)
    ]


def _clear_from_header(api: ScriptApi) -> None:
    api.facts.pop("from", None)


def _set_custom_header(api: ScriptApi, name: str, value: str) -> None:
    api.facts["headers"] = dict(
        api.respond(180, None, {**(api.facts.get("headers") or {}), name: value}).headers
    )


def _remove_custom_header(api: ScriptApi, name: str) -> None:
    kept = api.facts.get("headers") or {}
    api.facts["headers"] = {key: value for key, value in kept.items() if key.lower() != str(name).lower()}


def _clear_custom_headers(api: ScriptApi) -> None:
    api.facts.pop("headers", None)


def _enum_lookup(api: ScriptApi, number: str) -> Ask:
    number, _, zone_name = text("number", number).partition(".")
    return outside_functions.enum_lookup(api, number, zone_name or ENUM_ZONE)


def _web_get(api: ScriptApi, url: str, seconds: float = 4) -> Ask:
    return outside_functions.http_get(api, url)


def _is_available(api: ScriptApi, user: str | None = None, domain: str | None = None) -> Ask:
    return outside_functions.is_registered(api, _account(api, user, domain))


def _get_bindings(api: ScriptApi, user: str | None = None, domain: str | None = None) -> Ask:
    return outside_functions.bindings(api, _account(api, user, domain))


def _account(api: ScriptApi, user: str | None, domain: str | None) -> str:
    user = text("user", user) if user is not None else str(api.facts.get("account", ""))
    return user if domain is None else f"{user}@{text('domain', domain)}"


def _callback(api: ScriptApi, a: str, b: str, delay: float = 0, ring: float = 60, ring_b: float = 60) -> Ask:
    return outside_functions.callback(api, a, b, delay=delay, ring=max(ring, ring_b) or 60)


def _email(api: ScriptApi, to: str, subject: str, body: str, is_html: bool = False) -> Ask:
    return outside_functions.email(api, to.replace(";", ","), subject, body)


def _send_request(
    api: ScriptApi, method: str, dest: str, content_type: str, body: str, seconds: float = 8,
    user: str | None = None, password: str | None = None,
) -> Ask:  # fmt: skip
    if text("method", method).upper() != "MESSAGE":
        raise ValueError(f"a script sends no {one_line(method, 30)}; only MESSAGE")
    return outside_functions.send_message(api, dest, body)


def _current_calls(api: ScriptApi) -> int:
    return int(api.facts.get("active") or 0)


def _wait(api: ScriptApi, seconds: float) -> Sleep | None:
    return api.sleep(seconds)


def _print_custom_headers(api: ScriptApi) -> LogLine:
    kept: dict[str, str] = api.facts.get("headers") or {}
    return api.log(*(f"{name}: {value}" for name, value in kept.items()))


def _log(api: ScriptApi, *values: object) -> LogLine:
    return api.log(*values)


def _timezone(api: ScriptApi) -> str:
    return str(api.facts.get("timezone") or "UTC")


def _offset(api: ScriptApi) -> int:
    offset = datetime.fromtimestamp(api.present, zone(_timezone(api))).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def _nothing(api: ScriptApi, *_ignored: object) -> None:
    """Do nothing: what it was for takes care of itself now."""


_SHAPES = {"webget": "web", "webget2": "web", "isavailable": "", "email": "truth"}

METHODS: dict[str, Callable[..., Any]] = {
    "dial": _dial,
    "respond": _respond,
    "log": _log,
    "setfromheader": _set_from_header,
    "clearfromheader": _clear_from_header,
    "setcustomsipheader": _set_custom_header,
    "removecustomsipheader": _remove_custom_header,
    "clearcustomsipheaders": _clear_custom_headers,
    "enumlookup": _enum_lookup,
    "webget": _web_get,
    "webget2": _web_get,
    "isavailable": _is_available,
    "getbindings": _get_bindings,
    "callback": _callback,
    "email": _email,
    "dbread": outside_functions.store_get,
    "dbwrite": outside_functions.store_set,
    "dbdelete": outside_functions.store_delete,
    "dbgetkeys": outside_functions.store_keys,
    "dbreadkeys": outside_functions.store_keys,
    "sendmessage": outside_functions.send_message,
    "sendrequest": _send_request,
    "getcurrentcalls": _current_calls,
    "getcurrentcallcount": _current_calls,
    "wait": _wait,
    "printcustomsipheaders": _print_custom_headers,
    "gettimezone": _timezone,
    "gettimezoneoffsetminutes": _offset,
    "extendscripttimeout": _nothing,
    "turnoffautocleanup": _nothing,
    "cleanup": _nothing,
}
"""The methods of ``sys``, by their names in lower case."""


def shape_of(method: str) -> str:
    """Return how the answer to a method is to look, for ``reshape``."""
    return _SHAPES.get(method, "")


def reshape(shape: str, answer: Any) -> Any:
    """Turn an answer into what the old function gave."""
    if shape == "web":
        return answer.text if isinstance(answer, HttpResponse) and answer.status < 400 else None
    if shape == "truth":
        return not isinstance(answer, Raised)
    return answer


def attribute(api: ScriptApi, name: str) -> Any:
    """Return an attribute of ``sys``.

    Raises:
        KeyError: There is none of that name.
    """
    return _ATTRIBUTES[name.lower()](api)


def _last(api: ScriptApi, place: int) -> Any:
    return api.last[place] if api.last else None


def _last_dialled(api: ScriptApi) -> list[OldTransaction]:
    legs = _last(api, 3) or []
    return [OldTransaction(OldResponse(status, reason)) for _, status, reason in legs]


_ATTRIBUTES: dict[str, Callable[[ScriptApi], Any]] = {
    "username": lambda api: api.facts.get("account", ""),
    "out": lambda api: api.facts.get("direction") == "out",
    "in": lambda api: api.facts.get("direction") == "in",
    "redirect": lambda api: bool(api.facts.get("redirect")),
    "redirecturi": lambda api: api.facts.get("redirect") or _last(api, 2) or None,
    "lastdialled": _last_dialled,
    "lastfailurestatus": lambda api: _last(api, 0),
    "lastfailurereason": lambda api: _last(api, 1),
    "lastfailuremessage": lambda api: _last(api, 1),
    "dialplanname": lambda api: api.facts.get("dialplan", ""),
    "trace": lambda api: True,
}

NAMES = (
    "Dial", "Respond", "Log", "SetFromHeader", "ClearFromHeader", "SetCustomSIPHeader", "RemoveCustomSIPHeader",
    "ClearCustomSIPHeaders", "ENUMLookup", "WebGet", "WebGet2", "IsAvailable", "GetBindings", "Callback", "Email",
    "DBRead", "DBWrite", "DBDelete", "DBGetKeys", "GetTimezone", "GetTimezoneOffsetMinutes", "ExtendScriptTimeout",
    "TurnOffAutoCleanup", "Cleanup", "SendMessage", "SendRequest", "DBReadKeys", "GetCurrentCalls",
    "GetCurrentCallCount", "Wait", "PrintCustomSIPHeaders",
)  # fmt: skip
"""The methods of ``sys`` as they were written."""


class Sys:
    """What ``sys`` looks like from inside."""


SYS = ClassInstance(Sys(), id=SYS_ID, allowed_methods=(*NAMES, *METHODS), lazy_attrs=tuple(_ATTRIBUTES))


def old_module(inputs: Inputs | None, stubs: str | None = None) -> ExternalModule:
    """Return the module for a run: ``req`` is there from its start."""
    given: dict[str, Any] = {"sys": SYS}
    if inputs is not None:
        given["req"] = old_request(inputs)
    return ExternalModule(given, stubs=stubs)


def old_request(inputs: Inputs) -> OldRequest:
    """Return the request in its old shape."""
    request = inputs.request
    uri = OldUri(request.user, request.user, request.host, request.uri)
    sender = OldUri(
        request.from_user,
        request.from_user,
        request.from_host,
        f"sip:{request.from_user}@{request.from_host}",
    )
    header = OldHeader(
        OldName(request.from_name, sender, "", uri), OldName(request.from_name, sender, "", uri),
        request.user_agent, request.source,
    )  # fmt: skip
    return OldRequest(request.method, uri, header, request.body, header, uri)
