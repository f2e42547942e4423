"""``sipwright user key``, ``totp``, ``unlock`` and ``invite``."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def test_keys_are_added_listed_and_removed(command, tmp_path: Path):
    line = (
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        .decode()
    )
    path = tmp_path / "id.pub"
    path.write_text(f"{line} carol@laptop\n")
    assert command.ok("user", "key", "add", "admin", str(path)).startswith(
        "added key carol@laptop of admin: SHA256:"
    )
    (listed,) = command.json("user", "key", "list", "admin")
    assert (listed["name"], listed["public_key"]) == ("carol@laptop", line)
    assert "by the name 'carol@laptop'" in command.fails("user", "key", "add", "admin", line)

    assert (
        command.ok("user", "key", "remove", "admin", "carol@laptop") == "removed key carol@laptop of admin\n"
    )
    assert "nosuch" in command.fails("user", "key", "add", "admin", str(tmp_path / "nosuch"))
    assert command.json("user", "key", "list", "admin") == []


def test_codes_are_turned_off_and_a_user_is_unlocked(command):
    assert command.ok("user", "totp", "off", "admin") == "admin needs no code as it is\n"
    assert command.ok("user", "unlock", "admin") == "admin may log in again\n"
    assert "no user 'dave'" in command.fails("user", "totp", "off", "dave")


def test_an_invite_is_printed_once(command):
    made = command.json("user", "invite", "--uses", "3", "--note", "the office")
    assert len(made["code"]) == 19
    assert made["uses_left"] == 3
    command.ok("user", "invite")
    assert "nobody can sign up yet" in command.err
    listed = command.json("user", "invites")
    assert [one["note"] for one in listed] == ["", "the office"]
    assert made["code"] not in command.ok("user", "invites")
    assert "any more" in command.ok("user", "invites", "--take-back", str(made["id"]))
    assert [one["note"] for one in command.json("user", "invites")] == [""]


def test_a_user_has_a_mail_address(command):
    command.ok("user", "add", "carol", "--password", "x", "--email", "Carol@Example.org")
    assert command.json("user", "list")[1]["email"] == "carol@example.org"
    command.ok("user", "set", "carol", "--email", "")

    assert command.json("user", "list")[1]["email"] is None
    assert "is not a mail address" in command.fails("user", "set", "carol", "--email", "carol")
