"""What callers and phones are refused for most often, with what the log says of it and what to do.

The caller gets the status and the reason and no more (RFC 3261 §21.4); `why` is for those who run the switch.
"""

from __future__ import annotations

from sipwright.services.ports import AccountView
from sipwright.sip import Reject

__all__ = [
    "account_disabled",
    "no_such_call",
    "not_served",
    "outsider",
    "password_lost",
    "store_away",
    "unknown_scheme",
    "unknown_user",
]


def not_served(host: str) -> Reject:
    """Return the refusal of a request for a domain that is not ours."""
    return Reject(404, "Domain Not Served Here", why=f"domain {host} is not served here")


def unknown_user(user: str, domain: str) -> Reject:
    """Return the refusal of a call to a user or a number of ours that does not exist."""
    return Reject(404, why=f"there is no account {user}@{domain}; 'sipwright account add' makes one")


def outsider() -> Reject:
    """Return the refusal of a call from outside where only providers may call."""
    why = "only providers may call from outside ([sip] accept); 'sipwright provider add' makes this one known"
    return Reject(403, "Not From Outside", why=why)


def account_disabled(account: AccountView) -> Reject:
    """Return the refusal of an account that may not be used now."""
    name = f"{account.username}@{account.domain}"
    advice = f"'sipwright account set {name} --enable' ends that"
    return Reject(403, "Account Disabled", why=f"account {name} is disabled; {advice}")


def password_lost(account: AccountView) -> Reject:
    """Return the refusal of an account whose password nobody can read any more, so that nobody can prove to be it."""
    name = f"{account.username}@{account.domain}"
    advice = f"set its password again: 'sipwright account set {name} --password NEW'"
    why = f"the password of account {name} cannot be decrypted; {advice}"
    return Reject(500, "Password Cannot Be Read", (("Retry-After", "60"),), why=why)


def no_such_call() -> Reject:
    """Return the refusal of what belongs to a call that is not here (any more)."""
    return Reject(
        481, why="no call here is the one that it belongs to; it may be over, which its sender has missed"
    )


def store_away() -> Reject:
    """Return the refusal of what cannot be stored now."""
    return Reject(503, "Storage Unavailable", (("Retry-After", "10"),), why="nothing can be stored now")


def unknown_scheme(uri_text: str) -> Reject:
    """Return the refusal of a Request-URI that is no SIP URI."""
    return Reject(416, why=f"{uri_text} is of a scheme that is not spoken here; dial a sip or sips URI")
