"""The host key: a file in the data folder by which clients know the server again, made once."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from sipwright.config import ConfigError

__all__ = ["HOST_KEY_FILE", "ensure_host_key", "fingerprint"]

HOST_KEY_FILE = "ssh_host_ed25519_key"


def ensure_host_key(folder: Path) -> Path:
    """Return the file of the host key, readable by its owner alone; a folder without one is given one.

    Raises:
        ConfigError: It cannot be written, or not be kept from others.
    """
    path = folder / HOST_KEY_FILE
    try:
        if not path.exists():
            _make(path)
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot keep the host key {path}: {error.strerror}; make the folder writable"
        ) from None
    return path


def fingerprint(path: Path) -> str:
    """Return what clients show of the host key when they see it for the first time: ``SHA256:...``.

    Raises:
        ConfigError: The file holds no key of ours.
    """
    try:
        key = load_ssh_private_key(path.read_bytes(), None)
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            f"{path} holds no Ed25519 key without a passphrase; copy it back, or remove it: a new one is made, "
            "and clients will warn that the host key has changed"
        )
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _make(path: Path) -> None:
    """Write a new key; it is there whole or not at all, and of two who make one at once the first one's stays."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
