"""What the directory hands out: users, domains, accounts, providers and dialplans, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipwright.services.linking import Module
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import WrongKeyError

__all__ = [
    "HA1_COLUMNS",
    "Account",
    "Dialplan",
    "Domain",
    "Provider",
    "ProviderNumber",
    "User",
    "account_place",
    "provider_place",
    "script_secret_place",
    "second_factor_place",
]

# Digest algorithm, as on the wire -> the column that keeps its HA1.
HA1_COLUMNS = {"MD5": "ha1_md5", "SHA-256": "ha1_sha256", "SHA-512-256": "ha1_sha512_256"}


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in and owns accounts, providers and dialplans.

    Three limits are on all runs of their scripts together, `longest_call` is on each call, in seconds; None is what the
    settings say.
    """

    id: int
    name: str
    role: str
    timezone: str
    created_at: float
    script_runs: int | None = None
    script_runs_per_minute: int | None = None
    script_seconds_per_minute: float | None = None
    longest_call: float | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """A SIP domain that this switch serves."""

    id: int
    name: str
    is_default: bool
    digest_algorithm: str


@dataclass(frozen=True, slots=True)
class Account:
    """A SIP identity ``username@domain``.

    ``algorithm`` is the one to challenge with: the account's own, or else its domain's.  Only the HA1 of that
    algorithm is kept in memory, and it stays encrypted there until somebody asks for ``ha1``.  ``most_calls`` is how
    many calls it may have in each direction, where that is not what the settings say.  One with ``do_not_disturb`` has
    phones that no call rings; ``watched_by`` says who may see that it has calls (`services/notifier/rights.py`), and
    ``members`` names, a line each, the accounts that it is a list of (`services/notifier/lists.py`).
    """

    id: int
    user_id: int
    username: str
    domain: str
    out_plan: int | None
    in_plan: int | None
    algorithm: str
    is_enabled: bool
    most_calls: int | None
    do_not_disturb: bool | None
    _sealed_ha1: bytes = field(repr=False)
    _keys: KeyRing = field(repr=False, compare=False)
    watched_by: str | None = None
    members: str | None = None

    @property
    def aor(self) -> str:
        """The address-of-record without its scheme."""
        return f"{self.username}@{self.domain}"

    @property
    def ha1(self) -> dict[str, str]:
        """H(username:realm:password) in hexadecimal, by algorithm; the realm is the account's domain."""
        place = account_place(HA1_COLUMNS[self.algorithm], self.username, self.domain)
        return {self.algorithm: self._keys.open(self._sealed_ha1, place).hex()}

    @property
    def fault(self) -> str | None:
        """Why nobody can use it: its password cannot be decrypted."""
        try:
            _ = self.ha1
        except WrongKeyError:
            return f"its password cannot be decrypted; set its password again: 'sipwright account set {self.aor}'"
        return None


@dataclass(frozen=True, slots=True)
class ProviderNumber:
    """Some of the numbers that a trunk brings, as a pattern, and who takes their calls."""

    pattern: str
    account_id: int | None
    in_plan: int | None


@dataclass(frozen=True, slots=True)
class Provider:
    """A third-party SIP service that a user has credentials for, or a trunk that knows us by our address.

    Without a ``username`` there are no credentials. Its calls go to ``account_id`` or to ``in_plan``, but for those of
    ``numbers``; ``is_account_chosen`` says whether somebody has chosen that account. ``contact_token`` is what it is
    told to call us by, ``networks`` are where it may call from beside its server, ``number_in`` says where in a call
    it names the number. ``most_calls`` is how many calls may go by it at once, in and out together, ``tls_verify``
    how its certificate is looked at, None as any; ``certificate`` and
    ``certificate_key`` are the files of the one that we show it.

    ``caller_out`` are the headers that tell it who calls, None as it knows us, ``caller_in`` is the one in which it
    tells us, None From, ``number_format`` how numbers are written there; where ``identity`` is ``pass``, what it says
    of a caller's identity is believed. With ``messages`` it is asked how many voice messages wait.
    """

    id: int
    user_id: int
    name: str
    server: str
    username: str
    auth_username: str | None
    register: bool
    realm: str | None
    from_template: str | None
    outbound_proxy: str | None
    is_enabled: bool
    answer_within: float | None
    longest_call: float | None
    most_calls: int | None
    account_id: int | None
    is_account_chosen: bool
    in_plan: int | None
    number_in: str | None
    networks: tuple[str, ...]
    contact_token: str
    tls_verify: str | None
    certificate: str | None
    certificate_key: str | None
    caller_out: str | None
    caller_in: str | None
    number_format: str | None
    identity: str | None
    messages: bool
    numbers: tuple[ProviderNumber, ...]
    _sealed_password: bytes = field(repr=False)
    _keys: KeyRing = field(repr=False, compare=False)

    @property
    def registration_settings(self) -> tuple[object, ...]:
        """All that a REGISTER is made from, to be compared: nothing is decrypted for it."""
        return (
            self.server, self.username, self.auth_username, self.realm, self.outbound_proxy, self.contact_token,
            self.tls_verify, self.certificate, self.certificate_key,
            self._sealed_password,
        )  # fmt: skip

    @property
    def password(self) -> str:
        """The password at the provider, decrypted now."""
        return self._keys.open(self._sealed_password, provider_place(self.user_id, self.name)).decode()

    @property
    def fault(self) -> str | None:
        """Why we cannot answer its challenges: its password cannot be decrypted."""
        try:
            _ = self.password
        except WrongKeyError:
            return f"its password cannot be decrypted; set its password again: 'sipwright provider set {self.name}'"
        return None


@dataclass(frozen=True, slots=True)
class Dialplan:
    """The live version of a user's script."""

    id: int
    user_id: int
    name: str
    version: int
    source: str = field(repr=False)
    modules: tuple[Module, ...] = field(default=(), repr=False)
    """The dialplans that it imports, where somebody has looked for them."""


def account_place(column: str, username: str, domain: str) -> str:
    """Name the place of an account's secret for the encryption."""
    return f"accounts:{column}:{username}@{domain}"


def provider_place(user_id: int, name: str) -> str:
    """Name the place of a provider's password for the encryption."""
    return f"providers:password:{user_id}/{name}"


def script_secret_place(user_id: int, name: str) -> str:
    """Name the place of a secret of a user's scripts for the encryption."""
    return f"secrets:value:{user_id}/{name}"


def second_factor_place(user_id: int) -> str:
    """Name the place of the secret of a user's one-time codes for the encryption."""
    return f"second_factors:secret:{user_id}"
