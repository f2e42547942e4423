"""The native part, where it was built: functions over bytes that are quicker than their twins in Python.

Each returns what its twin does, or "unusual" (None, or False) where that returns more; so nothing depends on its being
there.
`native/README.md` says how it is built. `SIPWRIGHT_NO_NATIVE=1` in the environment switches it off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

__all__ = ["is_echo", "is_nonce", "md5_response", "read_register", "sign_nonce", "take_apart", "usual_ok"]

read_register: Callable[[bytes, str, int, bool], Any] | None = None
"""The native twin of `sip/usual_register.py:read_in_python`."""

take_apart: Callable[[bytes], tuple[Any, ...] | None] | None = None
"""What `sip/parser.py:parse` does first with any message."""

usual_ok: Callable[[bytes], tuple[str, str] | None] | None = None
"""The native twin of `sip/echo.py:usual_ok_in_python`."""

is_echo: Callable[[bytes, bytes], bool] | None = None
"""The native twin of `sip/echo.py:is_echo_in_python`."""

sign_nonce: Callable[[bytes, str, str, str], str | None] | None = None
"""What `sip/nonces.py:NonceKeeper.issue` does for a holder."""

is_nonce: Callable[[bytes, str, str], bool | None] | None = None
"""What `sip/nonces.py:NonceKeeper.issuer_of` asks of each mark."""

md5_response: Callable[[str, str, str, str], str] | None = None
"""The response of a digest, which `sip/digest.py:is_right` works out."""

FORM = 2
"""What the native functions return: one that was built for another state of the sources is not used."""

if os.environ.get("SIPWRIGHT_NO_NATIVE", "") in ("", "0"):
    try:
        from sipwright import _native
    except ImportError:
        pass
    else:
        if _native.FORM == FORM:
            read_register, take_apart = _native.read_register, _native.take_apart
            # One that was built earlier has not these.
            usual_ok, is_echo = getattr(_native, "usual_ok", None), getattr(_native, "is_echo", None)
            sign_nonce, is_nonce = getattr(_native, "sign_nonce", None), getattr(_native, "is_nonce", None)
            md5_response = getattr(_native, "md5_response", None)
