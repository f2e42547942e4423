"""What a script may ask of the world outside its call: lookups, the web, mail, texts, and its owner's store.

Each function checks its arguments and returns an ``Ask``, and has an entry in the catalogue, at the end of this file.
What it asks for is done in ``node/script_effects.py``.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from sipwright.services.script_headers import one_line

from . import arguments as check
from .call_functions import MAX_RING, ScriptApi
from .commands import Ask
from .function import Function, Kind, Retry
from .leg_arguments import dial_string
from .values import Binding, HttpResponse, clean

__all__ = ["OUTSIDE_FUNCTIONS"]

MOST_WAITING = 99_999
MAX_CALLBACK_DELAY = 3600.0
LEAST_PARKED, MOST_PARKED = 5.0, 3600.0
MAX_ADDRESSES = 5
MAX_SUBJECT = 256
MAX_MAIL = 4096
MAX_MESSAGE = 1000
MAX_URL = 2048
MAX_POSTED = 65_536
MAX_KEY = 64
MAX_VALUE = 10_000
_NOT_DIGITS = re.compile(r"[^0-9]")
_ZONE = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,20}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_NOT_FOR_SCRIPTS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
)


def enum_lookup(api: ScriptApi, number: str, zone: str = "e164.arpa") -> Ask:
    """Return the SIP address that the DNS has for a phone number (RFC 6116), or None."""
    api.spend("lookups")
    digits = _NOT_DIGITS.sub("", check.text("number", number, 64))
    if not 1 <= len(digits) <= 20:
        raise ValueError(f"{one_line(number, 40)!r} is not an international phone number")
    if not _ZONE.fullmatch(check.text("zone", zone, 200)):
        raise ValueError(f"{one_line(zone, 40)!r} is not a DNS zone")
    return Ask("enum_lookup", {"number": digits, "zone": zone.lower()})


def is_registered(api: ScriptApi, name: str) -> Ask:
    """Return whether a phone of that account is registered now."""
    return _about_account(api, "is_registered", name)


def bindings(api: ScriptApi, name: str) -> Ask:
    """Return where the phones of an account of yours are registered now."""
    return _about_account(api, "bindings", name)


def pick_up(api: ScriptApi, name: str) -> Ask:
    """Give the caller the call that rings at an account of yours; False when none rings there."""
    return _about_account(api, "pick_up", name)


def park(api: ScriptApi, slot: str, seconds: float = 60.0, back: str | None = None) -> Ask:
    """Let the caller wait at a slot until somebody picks the call up; False if another one waits there."""
    ask = _about_account(api, "park", slot)
    wait = check.number("seconds", seconds)
    if not LEAST_PARKED <= wait <= MOST_PARKED:
        raise ValueError(f"seconds must be from {LEAST_PARKED:g} to {MOST_PARKED:g}")
    ask.arguments["seconds"] = wait
    if back is not None:
        ask.arguments["back"] = clean(check.text("back", back, 256)).removeprefix("sip:")
    return ask


def message_waiting(api: ScriptApi, name: str, new: int, old: int = 0, *, urgent: int = 0) -> Ask:
    """Let the phones of an account of yours show how many voice messages wait."""
    api.spend("messages")
    counts = {"new": new, "old": old, "urgent": urgent}
    for count, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_WAITING:
            raise ValueError(f"{count} must be a whole number from 0 to {MOST_WAITING}")
    return Ask(
        "message_waiting", {"name": clean(check.text("name", name, 256)).removeprefix("sip:"), **counts}
    )


def confirm_call(api: ScriptApi, code: str) -> Ask:
    """Confirm calls of yours that were held back, by their code or your secret PIN; False if it is neither."""
    api.spend("lookups")
    return Ask("confirm_call", {"code": clean(check.text("code", code, 64))})


def http_get(api: ScriptApi, url: str, headers: dict[str, str] | None = None) -> Ask:
    """Get a page of the public web; it has 4 seconds and 64 kB."""
    api.spend("http_requests")
    return Ask("http_get", {"url": _url(url), "headers": _http_headers(headers)})


def http_post(
    api: ScriptApi,
    url: str,
    data: str | dict[str, str] | None = None,
    json: Any = None,
    headers: dict[str, str] | None = None,
) -> Ask:
    """Post a text, form fields or JSON to a server on the public web."""
    api.spend("http_requests")
    arguments: dict[str, Any] = {"url": _url(url), "headers": _http_headers(headers)}
    if data is not None and json is not None:
        raise ValueError("give data or json, not both")
    if json is not None:
        arguments["json"] = check.json_text("json", json, MAX_POSTED)
    elif isinstance(data, dict):
        fields = {check.text("a field", name): check.text("a field", value) for name, value in data.items()}
        check.json_text("data", fields, MAX_POSTED)
        arguments["form"] = fields
    elif data is not None:
        arguments["data"] = clean(check.text("data", data, MAX_POSTED))
    return Ask("http_post", arguments)


def email(api: ScriptApi, to: str | list[str], subject: str, body: str) -> Ask:
    """Send a mail through the mail server of the switch."""
    api.spend("emails")
    wanted = to if isinstance(to, list) else check.text("to", to).split(",")
    addresses = [check.text("to", address).strip() for address in wanted]
    if not 1 <= len(addresses) <= MAX_ADDRESSES:
        raise ValueError(f"to must be 1 to {MAX_ADDRESSES} addresses")
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{one_line(address, 60)!r} is not a mail address")
    return Ask(
        "email",
        {
            "to": addresses,
            "subject": one_line(check.text("subject", subject), MAX_SUBJECT),
            "body": clean(check.text("body", body, MAX_MAIL)),
        },
    )


def send_message(api: ScriptApi, to: str, text: str) -> Ask:
    """Send a text to phones (SIP MESSAGE); returns whether one of them took it."""
    api.spend("messages")
    return Ask(
        "send_message", {"to": dial_string("to", to), "text": clean(check.text("text", text, MAX_MESSAGE))}
    )


def callback(api: ScriptApi, a: str, b: str, *, delay: float = 0.0, ring: float = 60.0) -> Ask:
    """Call ``a``, then ``b``, and join them; that is a call of its own, which goes on when the script ends."""
    api.spend("callbacks")
    wait = check.number("delay", delay)
    if not 0 <= wait <= MAX_CALLBACK_DELAY:
        raise ValueError(f"delay must be from 0 to {MAX_CALLBACK_DELAY:g} seconds")
    return Ask(
        "callback",
        {
            "a": dial_string("a", a),
            "b": dial_string("b", b),
            "delay": wait,
            "ring": check.seconds("ring", ring, MAX_RING) or MAX_RING,
        },
    )


def secret(api: ScriptApi, name: str) -> Ask:
    """Return a secret of the owner (``sipwright secret set NAME``); whatever is written down shows its name alone."""
    api.spend("lookups")
    if not _SECRET.fullmatch(check.text("name", name)):
        raise ValueError(f"{one_line(name, 40)!r} cannot be the name of a secret")
    return Ask("secret", {"name": name})


# The owner's store.


def store_get(api: ScriptApi, key: str, default: Any = None) -> Ask:
    """Return what was kept under a key, or the default."""
    check.json_text("default", default, MAX_VALUE)
    return _store(api, "get", key, default=default)


def store_set(api: ScriptApi, key: str, value: Any) -> Ask:
    """Keep a value: text, number, truth, list or dict."""
    return _store(api, "set", key, value=check.json_text("value", value, MAX_VALUE))


def store_delete(api: ScriptApi, key: str) -> Ask:
    """Forget what was kept under a key; returns whether there was anything."""
    return _store(api, "delete", key)


def store_add(api: ScriptApi, key: str, amount: float = 1) -> Ask:
    """Add to a number (0 when there is none) and return the sum; two runs at once both count."""
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not abs(amount) < 1e15:
        check.wrong("amount", amount, "a number")
    return _store(api, "add", key, amount=amount)


def store_replace(api: ScriptApi, key: str, old: Any, new: Any) -> Ask:
    """Keep ``new`` if ``old`` is what is kept now (None: nothing); returns whether it was."""
    return _store(
        api,
        "replace",
        key,
        old=check.json_text("old", old, MAX_VALUE),
        new=check.json_text("new", new, MAX_VALUE),
    )


def store_keys(api: ScriptApi, prefix: str = "") -> Ask:
    """Return the keys that begin so, in order."""
    api.spend("store_calls")
    return Ask("store.keys", {"prefix": check.text("prefix", prefix, MAX_KEY)})


def _store(api: ScriptApi, name: str, key: str, **arguments: Any) -> Ask:
    api.spend("store_calls")
    key = clean(check.text("key", key, MAX_KEY))
    if not key or "\0" in key:
        raise ValueError("a key is a text of 1 to 64 characters")
    return Ask(f"store.{name}", {"key": key, **arguments})


def _about_account(api: ScriptApi, function: str, name: str) -> Ask:
    api.spend("lookups")
    return Ask(function, {"name": clean(check.text("name", name, 256)).removeprefix("sip:")})


def _url(url: object) -> str:
    text = check.text("url", url, MAX_URL).strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\x00-\x20\x7f\ud800-\udfff]", text):
        raise ValueError(f"{one_line(text, 60)!r} is not an address of the web (http:// or https://)")
    return text


def _http_headers(headers: object) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, dict):
        check.wrong("headers", headers, "a dict")
    if len(headers) > 32:
        raise ValueError("more than 32 headers")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name) or name.lower() in _NOT_FOR_SCRIPTS:
            raise ValueError(f"{check.shown(name)[:40]!r} is not a header that a script may set")
        if not check.text(f"the header {name}", value, 2000).isprintable() or not value.isascii():
            raise ValueError(f"the header {name} must be plain ASCII on one line")
    return dict(headers)


def _bindings(values: list[dict[str, Any]]) -> list[Binding]:
    return [Binding(**value) for value in values]


def _page(value: dict[str, Any]) -> HttpResponse:
    return HttpResponse(**value)


OUTSIDE_FUNCTIONS = (
    Function("enum_lookup", enum_lookup, Kind.COMMAND, Retry.SAFE, "lookups", checked={"number": "1"}),
    Function("is_registered", is_registered, Kind.COMMAND, Retry.SAFE, "lookups"),
    Function("bindings", bindings, Kind.COMMAND, Retry.SAFE, "lookups", _bindings),
    # Where these were done the call has no script any more that could ask again.
    Function("pick_up", pick_up, Kind.COMMAND, Retry.SAFE, "lookups"),
    Function("park", park, Kind.COMMAND, Retry.SAFE, "lookups", checked={"slot": "a"}),
    Function("confirm_call", confirm_call, Kind.COMMAND, Retry.SAFE, "lookups"),
    Function("message_waiting", message_waiting, Kind.COMMAND, Retry.SAFE, "messages"),
    Function("http_get", http_get, Kind.COMMAND, Retry.SAFE, "http_requests", _page, carries_secrets=True),
    Function("http_post", http_post, Kind.COMMAND, Retry.NEVER, "http_requests", _page, carries_secrets=True),
    Function("email", email, Kind.COMMAND, Retry.NEVER, "emails", carries_secrets=True),
    Function("secret", secret, Kind.COMMAND, Retry.SAFE, "lookups", checked={"name": "A"}),
    Function(
        "send_message", send_message, Kind.COMMAND, Retry.NEVER, "messages", checked={"to": "a", "text": "a"},
        dial_strings=frozenset({"to"}),
    ),
    Function(
        "callback", callback, Kind.COMMAND, Retry.TRANSACTIONAL, "callbacks", checked={"a": "a", "b": "a"},
        dial_strings=frozenset({"a", "b"}),
    ),
    Function("store.get", store_get, Kind.COMMAND, Retry.SAFE, "store_calls"),
    Function("store.set", store_set, Kind.COMMAND, Retry.TRANSACTIONAL, "store_calls"),
    Function("store.delete", store_delete, Kind.COMMAND, Retry.TRANSACTIONAL, "store_calls"),
    Function("store.add", store_add, Kind.COMMAND, Retry.TRANSACTIONAL, "store_calls"),
    Function("store.replace", store_replace, Kind.COMMAND, Retry.TRANSACTIONAL, "store_calls"),
    Function("store.keys", store_keys, Kind.COMMAND, Retry.SAFE, "store_calls"),
)  # fmt: skip
