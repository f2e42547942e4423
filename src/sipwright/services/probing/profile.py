"""What was found out about a provider, as a value that is kept as JSON, and what of it has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import orjson

from sipwright.transport.certificate_look import ShownCertificate, TlsLook
from sipwright.transport.domain_records import DomainRecords

__all__ = [
    "FORMAT",
    "Authentication",
    "Expiry",
    "Habits",
    "Profile",
    "ProfileError",
    "Reached",
    "drift",
    "read_profile",
]

FORMAT = 1
LONGEST = 100_000


class ProfileError(ValueError):
    """A text that is no profile; it says why."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How asking OPTIONS over one transport went; without a status `fault` says why there is none."""

    address: str | None = None
    status: int | None = None
    reason: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a REGISTER without credentials is answered; the algorithms are those of its challenges, in their order."""

    status: int | None = None
    realms: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    qop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expiry:
    """For how many seconds a registration is granted; `fault` is why that is not known."""

    shortest: int | None = None
    longest: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Habits:
    """What it says of itself in the answer to OPTIONS."""

    software: str | None = None
    allow: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """The whole of what was found out; `server`, `tls_verify` and `register` are what a provider is best added with.

    `pings` says whether a connection answers pings with pongs (RFC 5626 §3.5.1), None where there is no connection;
    `stun` where STUN is answered.
    """

    host: str
    probed_at: float
    server: str
    tls_verify: str = "on"
    register: bool = False
    dns: DomainRecords = field(default_factory=DomainRecords)
    transports: dict[str, Reached] = field(default_factory=dict)
    tls: TlsLook | None = None
    authentication: Authentication = Authentication()
    expiry: Expiry = Expiry()
    options: Habits = Habits()
    pings: bool | None = None
    stun: str | None = None
    format: int = FORMAT

    @property
    def is_reached(self) -> bool:
        """Whether anything was answered at all."""
        return any(one.status is not None for one in self.transports.values())

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def read_profile(data: bytes | str) -> Profile:
    """Read a profile.

    Raises:
        ProfileError: It is none, or of a later release.
    """
    try:
        parts = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ProfileError(f"it is no JSON: {error}") from None
    if len(data) > LONGEST or not isinstance(parts, dict) or not isinstance(parts.get("format"), int):
        raise ProfileError("it is not what 'sipwright provider probe' writes")
    if parts["format"] > FORMAT:
        raise ProfileError("it was written by a later release")
    try:
        transports = {str(name): _made(Reached, one) for name, one in (parts.get("transports") or {}).items()}
        tls = parts.get("tls")
        if tls is not None:
            tls = _made(TlsLook, {**tls, "chain": [_made(ShownCertificate, one) for one in tls["chain"]]})
        profile = Profile(
            _text(parts["host"]), float(parts["probed_at"]), _text(parts["server"]),
            _text(parts.get("tls_verify", "on")), bool(parts.get("register")),
            _made(DomainRecords, parts.get("dns") or {}), transports, tls,
            _made(Authentication, parts.get("authentication") or {}), _made(Expiry, parts.get("expiry") or {}),
            _made(Habits, parts.get("options") or {}), parts.get("pings"), parts.get("stun"),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProfileError(f"it is not what 'sipwright provider probe' writes: {error!r}"[:200]) from None
    return profile


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _made(kind: Any, parts: dict[str, Any]) -> Any:
    """Make a value of a class from what JSON has of it; what is unknown is left out, and lists are tuples."""
    names = [each.name for each in fields(kind)]
    return kind(
        **{name: tuple(v) if isinstance(v, list) else v for name, v in parts.items() if name in names}
    )


def drift(before: Profile, after: Profile) -> list[str]:
    """Say what has changed so that somebody should look at it, a sentence each.

    What comes and goes by itself, such as a renewed certificate, is no drift; nor is what could not be found out this
    time.
    """
    return [*_changed_ways(before, after), *_changed_habits(before, after)]


def _changed_ways(before: Profile, after: Profile) -> Iterator[str]:
    if before.dns.fault is None and after.dns.fault is None:
        was, now = set(before.dns.srv), set(after.dns.srv)
        if was != now:
            yield f"its SRV records were {_listed(was)} and are {_listed(now)}"
    for protocol in ("udp", "tcp", "tls"):
        was_one, now_one = before.transports.get(protocol), after.transports.get(protocol)
        if was_one is None or now_one is None or (was_one.status is None) == (now_one.status is None):
            continue
        name = protocol.upper()
        yield (
            f"it answers over {name} now"
            if was_one.status is None
            else f"it does not answer over {name} any more"
        )
    if before.tls is not None and after.tls is not None:
        if before.tls.fault != after.tls.fault:
            yield (
                f"its certificate is not believed: {after.tls.fault}"
                if after.tls.fault
                else "its certificate is right now"
            )
        if before.tls.names != after.tls.names:
            yield f"its certificate names {_listed(after.tls.names)}, not {_listed(before.tls.names)}"


def _changed_habits(before: Profile, after: Profile) -> Iterator[str]:
    was, now = before.authentication, after.authentication
    if was.status is not None and now.status is not None:
        if was.status != now.status:
            yield f"a REGISTER without credentials is answered {now.status}, not {was.status}"
        if set(was.algorithms) != set(now.algorithms):
            yield f"it asks for {_listed(now.algorithms)}, not for {_listed(was.algorithms)}"
        if set(was.realms) != set(now.realms):
            yield f"its realm is {_listed(now.realms)}, not {_listed(was.realms)}"
    for name, old, new in (
        ("shortest", before.expiry.shortest, after.expiry.shortest),
        ("longest", before.expiry.longest, after.expiry.longest),
    ):
        if old is not None and new is not None and old != new:
            yield f"its {name} registration is one of {new} s, not {old} s"
    if before.options.allow and after.options.allow and set(before.options.allow) != set(after.options.allow):
        yield f"it allows {_listed(after.options.allow)}, not {_listed(before.options.allow)}"


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
