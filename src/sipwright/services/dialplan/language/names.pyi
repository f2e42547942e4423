"""The names that a dialplan sees. The check at saving and editors both read this file."""

from datetime import datetime
from typing import Any, NamedTuple

class Headers:
    """The headers of a request; names in any case, several values joined by commas."""

    def __getitem__(self, name: str) -> str: ...
    def get(self, name: str, default: str = ...) -> str: ...
    def __contains__(self, name: str) -> bool: ...
    def keys(self) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...

class Request(NamedTuple):
    """The request that the dialplan decides about."""

    method: str
    uri: str
    user: str
    host: str
    from_name: str
    from_user: str
    from_host: str
    to: str
    source: str
    user_agent: str
    redirected: bool
    body: str
    headers: Headers

class Call(NamedTuple):
    """On whose behalf the dialplan runs; ``active`` counts the calls of this user now.

    ``provider`` is the name of the provider that has brought the call; it is really that one. None for all others.
    ``verstat`` and ``attestation`` ("A", "B" or "C") are what one that is believed says about the caller's number.
    """

    id: str
    direction: str
    account: str
    user: str
    dialplan: str
    active: int
    timezone: str
    provider: str | None
    verstat: str | None
    attestation: str | None

class LegResult(NamedTuple):
    """How one leg of a ``dial()`` ended; ``redirect`` is where a leg with ``redirect="return"`` was sent.

    ``audio`` is whether both ends would have heard each other: ``yes``, or ``no`` or ``perhaps`` with the reason.
    """

    target: str
    status: int
    reason: str
    duration: float
    redirect: str
    audio: str

class DialResult(NamedTuple):
    """How a ``dial()`` ended: nobody answered, or (with ``wait=True``) the call that was is over.

    ``hung_up`` says that the caller gave up before anybody answered, or is not there any more.
    """

    answered: bool
    status: int
    reason: str
    legs: list[LegResult]
    duration: float
    redirect: str
    hung_up: bool

class LegSpec(NamedTuple):
    """What ``leg()`` returns and ``dial()`` takes."""

    target: str
    delay: float | None
    limit: float | None
    mangle: bool | None
    from_name: str | None
    from_user: str | None
    from_host: str | None
    transfer: str | None
    redirect: str | None
    early: bool | None
    headers: dict[str, str] | None

class HttpResponse(NamedTuple):
    """What a web server said; ``json`` is the body read as JSON, None when it is none."""

    status: int
    text: str
    json: Any
    headers: dict[str, str]

class Binding(NamedTuple):
    """Where a phone of an account can be reached now."""

    uri: str
    source: str
    expires_in: float

class Store:
    """Values that last from run to run: texts, numbers, lists, dicts; one store for all dialplans of a user."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was kept under a key, or the default."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""

    def delete(self, key: str) -> bool:
        """Forget what was kept under a key; returns whether there was anything."""

    def add(self, key: str, amount: float = 1) -> Any:
        """Add to a number (0 when there is none) and return the sum; two runs at once both count."""

    def replace(self, key: str, old: Any, new: Any) -> bool:
        """Keep ``new`` if ``old`` is what is kept now (None: nothing); returns whether it was."""

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin so, in order."""

req: Request
call: Call
store: Store

def dial(
    target: str | LegSpec | list[str] | list[LegSpec] | list[str | LegSpec],
    *,
    ring: float | None = None,
    headers: dict[str, str] | None = None,
    wait: bool = False,
    limit: float | None = None,
    mangle: bool | None = None,
    from_name: str | None = None,
    from_user: str | None = None,
    from_host: str | None = None,
    transfer: str | None = None,
    redirect: str | None = None,
    early: bool | None = None,
) -> DialResult:
    """Ring phones. When somebody answers, the dialplan is over; it goes on only when nobody did.

    With ``wait`` it goes on whatever happens: after a call that was answered, and when the caller ``hung_up``.

    ``transfer`` is "pass", "refuse" or "place"; without it the switch carries out a transfer that a phone of yours asks
    for, and refuses one that somebody outside asks for. ``redirect`` is "follow" (the usual), "return" or
    "rerun". With ``early=False`` the caller hears a ringing tone until somebody answers, and nothing else.
    """

def leg(
    target: str,
    *,
    headers: dict[str, str] | None = None,
    delay: float | None = None,
    limit: float | None = None,
    mangle: bool | None = None,
    from_name: str | None = None,
    from_user: str | None = None,
    from_host: str | None = None,
    transfer: str | None = None,
    redirect: str | None = None,
    early: bool | None = None,
) -> LegSpec:
    """Describe one leg: ``dial([leg("bob@local"), leg("mobile@blueface", delay=5)])``.

    Its ``headers`` go to this leg alone, those of ``dial()`` to every leg that has none of that name.
    """

def respond(status: int, reason: str | None = None, headers: dict[str, str] | None = None) -> None:
    """Answer the caller. A status of 300 or more ends the dialplan."""

def progress(status: int = 180, reason: str | None = None, headers: dict[str, str] | None = None) -> None:
    """Tell the caller that it goes on (101 to 199); the dialplan goes on too."""

def redirect(uri: str, reason: str | None = None) -> None:
    """Send the caller to another address (302). The dialplan is over."""

def hangup_after(seconds: float) -> None:
    """Let the call last no longer than that, counted from its answer."""

def log(*values: object) -> None:
    """Write a line into the trace of the call."""

def e164(number: str, region: str | None = None) -> str:
    """Write a phone number the international way; ``region`` ("IE") is where it was dialled.

    A ``ValueError`` says that it is none: too short, without its area code, or too long.
    """

def now(timezone: str | None = None) -> datetime:
    """The time of day in a time zone ("Europe/Dublin"), or in your own."""

def sleep(seconds: float) -> None:
    """Wait."""

def enum_lookup(number: str, zone: str = "e164.arpa") -> str | None:
    """The SIP address that the DNS has for a phone number, or None."""

def is_registered(name: str) -> bool:
    """Whether a phone of that account ("bob", "bob@example.org") is registered now."""

def pick_up(name: str) -> bool:
    """Give the caller the call that rings at an account of yours, which ends the script; False when none does."""

def park(slot: str, seconds: float = 60, back: str | None = None) -> bool:
    """Let the caller wait at a slot, which ends the script, and ring `back` after that time; False if it is taken."""

def confirm_call(code: str) -> bool:
    """Let calls of yours leave that were held back, by their code or by your secret PIN; False if it is neither."""

def message_waiting(name: str, new: int, old: int = 0, *, urgent: int = 0) -> None:
    """Let the phones of an account of yours show how many voice messages wait."""

def bindings(name: str) -> list[Binding]:
    """Where the phones of an account of yours are registered now."""

def http_get(url: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """Get a page of the public web: 4 seconds, 64 kB. OSError when that fails, TimeoutError when it takes longer."""

def http_post(
    url: str,
    data: str | dict[str, str] | None = None,
    json: Any = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Post a text, form fields or JSON. RuntimeError("interrupted ...") when nobody knows whether it was received."""

def secret(name: str) -> str:
    """A secret of yours, such as the key of a web service: ``sipwright secret set NAME`` keeps it.

    It may be compared, and given to ``http_get()``, ``http_post()`` and ``email()``; logs show its name.
    ``ValueError`` when there is none of that name.
    """

def email(to: str | list[str], subject: str, body: str) -> None:
    """Send a mail; OSError when the mail server does not take it."""

def send_message(to: str, text: str) -> bool:
    """Send a text to phones, which are dialled as by ``dial()``; returns whether one of them took it."""

def callback(a: str, b: str, *, delay: float = 0.0, ring: float = 60.0) -> str:
    """Call ``a``, then ``b``, and join them, in a call of its own whose id is returned at once."""

def exit(code: int = 0) -> None:
    """End the dialplan."""
