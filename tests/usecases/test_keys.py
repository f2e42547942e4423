"""SSH keys: which are taken, and whom they let in."""

from __future__ import annotations

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import Conflict, Invalid, NotFound, Unauthenticated
from sipwright.usecases.public_key import InvalidKey, read_public_key
from sipwright.usecases.visitor import Visitor

SSH = Visitor("ssh", "192.0.2.7")


def line(key: object) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined]


def packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


# The same in each process that collects the tests, as their names have it.
ED25519 = line(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())


def sk_ed25519() -> str:
    kind = b"sk-ssh-ed25519@openssh.com"
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return f"{kind.decode()} {base64.b64encode(packed(kind, raw, b'ssh:')).decode()}"


def sk_ecdsa() -> str:
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return f"{kind.decode()} {base64.b64encode(packed(kind, b'nistp256', raw, b'ssh:')).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        ED25519, line(rsa.generate_private_key(65537, 2048).public_key()), sk_ed25519(), sk_ecdsa(),
        *(line(ec.generate_private_key(curve()).public_key()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
    ],
)  # fmt: skip
def test_a_public_key_of_openssh_is_taken(text: str):
    key = read_public_key(f"  {text}   alice@laptop, the old one\n")

    assert key.public_key == text
    assert key.comment == "alice@laptop, the old one"
    assert key.fingerprint.startswith("SHA256:")
    assert len(key.fingerprint) == 50


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "ssh-ed25519", "ssh-ed25519 !!!!", "ssh-ed25519 AAAA", ED25519[:-8], f"{ED25519}\n{ED25519}",
        f'command="sh" {ED25519}', "ssh-rsa " + ED25519.split()[1], ED25519 + " " + "x" * 10_000, "\ud800 \ud800",
        "ssh-ed25519 \u0661\u0662", line(rsa.generate_private_key(65537, 1024).public_key()),
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP", "x" * 5_000_000,
    ],
)  # fmt: skip
def test_what_is_none_or_too_weak_is_refused(text: str):
    with pytest.raises(InvalidKey):
        read_public_key(text)


def test_a_private_key_is_told_what_it_is():
    with pytest.raises(InvalidKey, match="nobody else may see"):
        read_public_key("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----")


async def test_a_key_lets_its_user_in_and_nobody_else(usecases: UseCases, carol: Actor, dave: Actor):
    other = line(ed25519.Ed25519PrivateKey.generate().public_key())
    made = await usecases.keys.create(carol, f"{ED25519} carol@laptop")
    assert (made.name, made.kind) == ("carol@laptop", "ssh-ed25519")
    assert await usecases.login.knows_key("carol", ED25519)
    found = await usecases.login.log_in_with_key(SSH, "carol", ED25519)
    assert (found.actor.name, found.actor.face) == ("carol", "ssh")
    assert [one.face for one in await usecases.sessions.list(carol)] == ["ssh"]
    assert (await usecases.keys.list(carol)).items[0].used_at is not None

    for name, key in (
        ("dave", ED25519),
        ("carol", other),
        ("nobody", ED25519),
        ("carol", "x"),
        ("\0", ED25519),
    ):
        assert not await usecases.login.knows_key(name, key)
        with pytest.raises(Unauthenticated):
            await usecases.login.log_in_with_key(SSH, name, key)
    assert len(await usecases.keys.list(dave)) == 0
    await usecases.keys.remove(carol, made.fingerprint)
    assert not await usecases.login.knows_key("carol", ED25519)


async def test_a_key_is_added_once_and_by_one_name(usecases: UseCases, carol: Actor):
    other = line(ed25519.Ed25519PrivateKey.generate().public_key())
    await usecases.keys.create(carol, ED25519, "laptop")

    with pytest.raises(Conflict, match="by the name 'laptop'"):
        await usecases.keys.create(carol, ED25519, "other")
    with pytest.raises(Conflict, match="choose another name"):
        await usecases.keys.create(carol, other, "laptop")
    with pytest.raises(Invalid, match="not whole"):
        await usecases.keys.create(carol, "ssh-ed25519 AAAA")
    with pytest.raises(NotFound):
        await usecases.keys.remove(carol, "desk")
