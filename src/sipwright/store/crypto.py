"""Encrypted columns: AES-256-GCM under a key that lives in a file beside the database, never in it.

A sealed value is one byte of key id, a 12-byte nonce and the ciphertext with its tag.  The place a value
belongs to (``table:column:row``) is authenticated with it, so that nobody who can write to the database
can move one account's secret to another.  Several keys may be in the file: the last one seals, all open.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sipwright.store.errors import StoreError, WrongKeyError

__all__ = ["KeyRing", "create_key_file", "forget_old_keys", "rotate_key_file"]

_NONCE_BYTES = 12
_HEADER = """\
# The keys of Sipwright's encrypted columns. Keep a copy in a safe place: without this file the SIP
# passwords in the database are lost. One key per line, "id base64"; the last one encrypts.
"""


_PUT_BACK = "put the right one back: the switch goes on with what it has read, but would not start again"


class KeyRing:
    """The keys that open what is in the database, and the one that seals what goes there."""

    def __init__(self, keys: dict[int, bytes], path: Path | None = None) -> None:
        self._path = path
        self._mark = _mark_of(path)
        self._keys: dict[int, bytes] = {}
        self._ciphers: dict[int, AESGCM] = {}
        self.unproven: dict[int, bytes] = {}
        """The keys of a file that has none of ours: they count once one of them has opened something."""
        self.fault: str | None = None
        """What is wrong with the key file that lies there now; what it says is not used then."""
        self._use(keys)

    def _use(self, keys: dict[int, bytes]) -> None:
        if not keys:
            raise StoreError("the key file holds no key; restore it from a copy")
        # Keys that were in the file once stay: values in memory may be sealed with them.
        self._keys |= keys
        self._ciphers |= {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.unproven, self.fault = {}, None
        self.current = list(keys)[-1]
        self._prefix = bytes([self.current])
        self._cipher = self._ciphers[self.current]

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read a key file, and refuse one that every user of the machine can read.

        Raises:
            StoreError: It is not there, cannot be read, or anybody can read it.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise StoreError(
                f"there is no key file {path}; restore it from a copy ('sipwright init' makes one for a new database)"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"cannot read the key file {path}: {error}") from None
        if mode & stat.S_IROTH:
            raise StoreError(f"anybody can read the key file {path}; run 'chmod 600 {path}'")
        return cls(_parse(text, path), path)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt a value for one place in the database."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._prefix + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt a value that was sealed for the same place.

        Raises:
            WrongKeyError: It was encrypted with another key, or for another place.
        """
        cipher = self._ciphers.get(sealed[0]) if sealed else None
        if cipher is None and sealed:
            self.follow_file()
            cipher = self._ciphers.get(sealed[0]) or self._proven(sealed, place)
        if cipher is None:
            raise WrongKeyError(
                f"the key that encrypted {place} is not in the key file; restore it from a copy"
            )
        try:
            return cipher.decrypt(sealed[1:13], sealed[13:], place.encode())
        except InvalidTag:
            raise WrongKeyError(
                f"the key file {self._path} is not the one of this database, or the database was changed: "
                f"{place} cannot be decrypted"
            ) from None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a value is sealed with the newest key."""
        return sealed[:1] == self._prefix

    @property
    def is_as_read(self) -> bool:
        """Whether the file is the one that was read last, and there is nothing to find out about it."""
        return not self.unproven and _mark_of(self._path) == self._mark

    def follow_file(self) -> None:
        """Take up keys that the command line has put into the file since this process started.

        A file that is not ours, or none, leaves us what we have, with which everything goes on; `fault` says so.
        """
        mark = _mark_of(self._path)
        if self._path is None or mark == self._mark:
            return
        self._mark, self.unproven = mark, {}
        try:
            found = _parse(self._path.read_text(encoding="ascii"), self._path)
        except FileNotFoundError:
            self.fault = f"the key file {self._path} is gone; {_PUT_BACK}"
            return
        except (OSError, UnicodeDecodeError, StoreError) as error:
            self.fault = f"the key file {self._path} cannot be used: {error}; {_PUT_BACK}"
            return
        known = found.keys() & self._keys.keys()
        # An older copy has keys of ours, but not the one that everything is sealed with since.
        if self.current in known and all(found[key_id] == self._keys[key_id] for key_id in known):
            self._use(found)
            return
        self.unproven = {} if known else found
        self.fault = f"the key file {self._path} is not the one of this database any more; {_PUT_BACK}"

    def _proven(self, sealed: bytes, place: str) -> AESGCM | None:
        """Take up the keys of a file of which we knew none, as soon as one of them opens something."""
        key = self.unproven.get(sealed[0])
        if key is None:
            return None
        try:
            AESGCM(key).decrypt(sealed[1:13], sealed[13:], place.encode())
        except InvalidTag:
            return None
        self._use(self.unproven)
        return self._ciphers[sealed[0]]


def create_key_file(path: Path) -> None:
    """Write a key file with one fresh key, readable by its owner only; never touch one that exists."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(_HEADER + _line(1))
        file.flush()
        os.fsync(file.fileno())


def rotate_key_file(path: Path) -> int:
    """Add a fresh key to the file, which seals from the next start on; give its id.

    Raises:
        StoreError: The file is full.
    """
    keys = _parse(path.read_text(encoding="ascii"), path)
    fresh = next((key_id for key_id in range(1, 256) if key_id not in keys), None)
    if fresh is None:
        raise StoreError(f"the key file {path} is full; remove keys that nothing is encrypted with any more")
    _replace(path, path.read_text(encoding="ascii").rstrip("\n") + "\n" + _line(fresh))
    return fresh


def forget_old_keys(path: Path) -> int:
    """Keep only the newest key, once everything has been sealed with it; give how many went."""
    keys = _parse(path.read_text(encoding="ascii"), path)
    newest = list(keys)[-1]
    _replace(path, f"{_HEADER}{newest} {base64.b64encode(keys[newest]).decode()}\n")
    return len(keys) - 1


def _mark_of(path: Path | None) -> tuple[int, int, int] | None:
    """Return what tells one state of a file from another; None where there is no file."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino, found.st_size)


def _line(key_id: int) -> str:
    return f"{key_id} {base64.b64encode(os.urandom(32)).decode()}\n"


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if os.geteuid() == 0:
        whose = path.stat()  # whoever runs the switch has to read what root has written
        os.fchown(handle, whose.st_uid, whose.st_gid)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _parse(text: str, path: Path) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            key_id, encoded = line.split()
            key = base64.b64decode(encoded, validate=True)
            if not 0 < int(key_id) < 256 or len(key) != 32 or int(key_id) in keys:
                raise ValueError(line)
        except (ValueError, binascii.Error):
            raise StoreError(f"line {number} of the key file {path} is damaged; restore it") from None
        keys[int(key_id)] = key
    return keys
