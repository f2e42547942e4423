"""One-time codes (RFC 6238) and recovery codes: what beside the password says who somebody is."""

from __future__ import annotations

import hmac

from sqlalchemy import Connection

from sipwright.store.admin import second_factors
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import WrongKeyError
from sipwright.usecases.issued import code_digest, new_code

__all__ = ["is_right_code", "new_recovery_codes", "new_totp_secret", "qr_code", "step_of", "totp_uri"]

SECONDS, DIGITS = 30, 6
"""What authenticator apps take for granted."""

WINDOW = 1
"""Steps by which the clock of a phone may be wrong (RFC 6238 section 5.2)."""

RECOVERY_CODES = 10


def new_totp_secret() -> str:
    """Make the secret of somebody's codes: 160 bits, in base32 as apps take it."""
    import pyotp

    return pyotp.random_base32()


def totp_uri(secret: str, user: str, issuer: str) -> str:
    """Return what the QR code says, and an app opens."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=user, issuer_name=issuer)


def qr_code(text: str) -> str:
    """Draw a QR code as SVG."""
    import segno

    return segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff")


def step_of(secret: str, code: str, now: float) -> int | None:
    """Return the time step whose code that is, None if it is of none near now."""
    import pyotp

    digits = "".join(code[:20].split())
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    totp, current, found = pyotp.TOTP(secret), int(now // SECONDS), None
    for step in range(current - WINDOW, current + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(step), digits):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Make the codes for the day when the phone is lost."""
    return [new_code() for _ in range(RECOVERY_CODES)]


def is_right_code(connection: Connection, keys: KeyRing, user_id: int, code: str, now: float) -> bool:
    """Use up a one-time code or a recovery code; none is right twice."""
    try:
        factor = second_factors.find(connection, keys, user_id)
    except WrongKeyError:  # the recovery codes are good all the same
        factor = None
    step = step_of(factor.secret, code, now) if factor is not None and factor.is_confirmed else None
    if step is not None:
        return second_factors.take_step(connection, user_id, step)
    return second_factors.take_code(connection, user_id, code_digest(code))
