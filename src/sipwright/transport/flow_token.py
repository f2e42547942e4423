"""Names of flows that whoever is asked to route by them cannot make up (RFC 5626 §5.2).

A token is the flow's key (`Flow.key`), and the node that has it, with an HMAC in front. It stands as the user part of a
URI in a Path, a Record-Route or a Contact, so it is written with letters that need no escape there.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

__all__ = ["LONGEST", "FlowToken", "FlowTokens"]

_BYTES = 16
LONGEST = 512
"""Characters of a token that is looked at."""


class FlowToken(NamedTuple):
    """What a token says: the key of a flow, and the name of the node that has it, empty where there is one alone."""

    flow_key: str
    node: str = ""


class FlowTokens:
    """Writes and reads tokens; the secret is the same at every node, and after a restart."""

    __slots__ = ("_mac",)

    def __init__(self, secret: bytes) -> None:
        # Another purpose of the same secret must not give anybody a token.
        self._mac = hmac.new(secret, b"flow token", hashlib.sha256)

    def write(self, flow_key: str, node: str = "") -> str:
        """Return the token of a flow."""
        said = f"{node}\n{flow_key}".encode()
        return urlsafe_b64encode(self._sign(said) + said).decode().rstrip("=")

    def read(self, token: str) -> FlowToken | None:
        """Return what a token says; None when it is none of ours."""
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            found = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        signature, said = found[:_BYTES], found[_BYTES:]
        if not hmac.compare_digest(signature, self._sign(said)):
            return None
        node, _, flow_key = said.decode().partition("\n")
        return FlowToken(flow_key, node)

    def _sign(self, said: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(said)
        return mac.digest()[:_BYTES]
