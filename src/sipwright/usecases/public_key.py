"""SSH public keys as people paste them: one line of OpenSSH's `authorized_keys` or of a `.pub` file."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from sipwright.errors import UserError

__all__ = ["InvalidKey", "PublicKey", "read_public_key"]

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)

LONGEST = 8_000
LEAST_RSA, MOST_RSA = 2_048, 16_384


class InvalidKey(UserError):
    """A text that is no public key, or a key that nobody should use."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its kind and itself in base64, the comment beside it, and what people compare."""

    public_key: str
    comment: str
    fingerprint: str


def read_public_key(text: str) -> PublicKey:
    """Read a public key.

    Raises:
        InvalidKey: It is none, or a private key, or too weak.
    """
    if "PRIVATE KEY" in text[:200]:
        raise InvalidKey("this is a private key, which nobody else may see; paste the file that ends in .pub")
    kind, _, rest = text.strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if len(text) > LONGEST or "\n" in text.strip() or "\r" in text.strip():
        raise InvalidKey("this is more than one public key; paste one line of a .pub file")
    if kind not in KINDS:
        raise InvalidKey(
            f"{kind[:40]!r} is not a kind of key that is taken; paste a line such as 'ssh-ed25519 AAAA...'"
        )
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey("the key is not whole; paste the line as it stands in the .pub file") from None
    _check(kind, blob)
    # Written anew: the same key is the same text, however it was pasted.
    whole = base64.b64encode(blob).decode()
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(f"{kind} {whole}", comment.strip(), f"SHA256:{digest}")


def _check(kind: str, blob: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    line = kind.encode() + b" " + base64.b64encode(blob)
    try:
        key = load_ssh_public_key(line)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("the key is not whole; paste the line as it stands in the .pub file") from None
    if isinstance(key, RSAPublicKey) and not LEAST_RSA <= key.key_size <= MOST_RSA:
        raise InvalidKey(
            f"an RSA key of {key.key_size} bits is not taken; make another: 'ssh-keygen -t ed25519'"
        )
