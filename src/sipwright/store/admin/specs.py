"""What is to be added or changed, as values: each setting of an account or a provider is named here once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AccountChange", "AccountSpec", "ProviderChange", "ProviderSpec"]


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account to add, ``name`` or ``name@domain``; `line` is where it stands in a file that is imported."""

    name: str
    password: str
    user: str | None = None
    out_plan: str | None = None
    in_plan: str | None = None
    line: int = 0
    algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is to change of an account: None leaves it, an empty plan or algorithm or 0 calls takes it away.

    With empty `watched_by` nobody else may watch it; with empty `members` it is no list; with an empty `keep_alive` its
    phones are sent what the settings say.
    """

    password: str | None = None
    out_plan: str | None = None
    in_plan: str | None = None
    algorithm: str | None = None
    is_enabled: bool | None = None
    most_calls: int | None = None
    do_not_disturb: bool | None = None
    watched_by: str | None = None
    members: str | None = None
    keep_alive: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider to add; one without a user name knows us by our address, and we know it by its own."""

    name: str
    server: str
    username: str = ""
    password: str = ""
    auth_username: str | None = None
    register: bool = False
    realm: str | None = None
    from_template: str | None = None
    outbound_proxy: str | None = None
    answer_within: float | None = None
    longest_call: float | None = None
    most_calls: int | None = None
    account: str | None = None
    in_plan: str | None = None
    number_in: str | None = None
    networks: tuple[str, ...] = ()
    tls_verify: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    caller_out: str | None = None
    caller_in: str | None = None
    number_format: str | None = None
    identity: str | None = None
    messages: bool = False


@dataclass(frozen=True, slots=True)
class ProviderChange:
    """What is to change of a provider: None leaves it, an empty text or no seconds takes away what may be missing.

    A negative `answer_within` takes that away.
    """

    server: str | None = None
    username: str | None = None
    password: str | None = None
    auth_username: str | None = None
    register: bool | None = None
    realm: str | None = None
    from_template: str | None = None
    outbound_proxy: str | None = None
    is_enabled: bool | None = None
    answer_within: float | None = None
    longest_call: float | None = None
    most_calls: int | None = None
    account: str | None = None
    in_plan: str | None = None
    number_in: str | None = None
    networks: tuple[str, ...] | None = None
    tls_verify: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    caller_out: str | None = None
    caller_in: str | None = None
    number_format: str | None = None
    identity: str | None = None
    messages: bool | None = None
