"""The host key: made once, the owner's alone, known by its fingerprint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sipwright.config import ConfigError
from sipwright.console.host_key import HOST_KEY_FILE, ensure_host_key, fingerprint


def test_it_is_made_once_and_is_its_owners_alone(tmp_path: Path):
    path = ensure_host_key(tmp_path)
    key = path.read_bytes()

    assert (path.name, path.stat().st_mode & 0o777) == (HOST_KEY_FILE, 0o600)
    assert ensure_host_key(tmp_path).read_bytes() == key
    assert [file.name for file in tmp_path.iterdir()] == [HOST_KEY_FILE]


def test_it_is_kept_from_others_again(tmp_path: Path):
    ensure_host_key(tmp_path).chmod(0o644)

    assert ensure_host_key(tmp_path).stat().st_mode & 0o777 == 0o600


def test_its_fingerprint_is_what_clients_show(tmp_path: Path):
    path = ensure_host_key(tmp_path)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True
    ).stdout

    assert fingerprint(path) == shown.split()[1]


@pytest.mark.parametrize("content", [b"", b"no key\n", b"\x00\xff" * 100])
def test_what_is_no_key_is_told_with_what_to_do(tmp_path: Path, content: bytes):
    path = tmp_path / HOST_KEY_FILE
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="remove it"):
        fingerprint(path)
