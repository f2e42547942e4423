"""``sipwright init``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sipwright.config import Settings


def test_init_makes_a_private_folder_with_everything_in_it(command, tmp_path: Path):
    folder = tmp_path / "new" / "data"
    out = command.ok("init", "--data", str(folder), "--domain", "SIP.example.net", "--admin", "root")
    made = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert made["sipwright.toml"] == made["sipwright.key"] == made["sipwright.db"] == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "sip.example.net" in out
    assert "password     " in out
    settings = Settings.load(folder)
    assert settings.sip.domains == ["sip.example.net"]
    assert command.json("user", "list", "--data", str(folder))[0]["user"] == "root"
    assert command.json("domain", "list", "--data", str(folder)) == [
        {"domain": "sip.example.net", "default": True, "algorithm": "MD5"}
    ]


def test_what_the_written_file_shows_as_defaults_are_the_defaults(command):
    text = (command.folder / "sipwright.toml").read_text()
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and line[2].islower() else line
        for line in text.splitlines()
    )
    shown = tomllib.loads(uncommented)
    shown["sip"].pop("public_address")
    shown["sip"].pop("domains")
    shown["sip"].pop("dns")

    defaults = Settings().model_dump()
    for section, values in shown.items():
        assert values == {name: defaults[section][name] for name in values}


def test_init_completes_and_never_overwrites(command):
    before = {path.name: path.read_bytes() for path in command.folder.iterdir() if path.suffix != ".db"}
    command.ok("init", "--admin", "other", "--password", "x")
    after = {path.name: path.read_bytes() for path in command.folder.iterdir() if path.name in before}

    assert after == before
    assert [user["user"] for user in command.json("user", "list")] == ["admin"]
    assert "password  " not in command.out


def test_init_makes_no_second_key_for_a_database_in_use(command):
    key = command.folder / "sipwright.key"
    key.unlink()

    assert f"copy it to {key}" in command.fails("init")
    assert not key.exists()
    assert "restore it from a copy" in command.fails("account", "list")


def test_init_can_add_a_domain_later(command):
    command.ok("init", "--domain", "example.net")

    assert [domain["domain"] for domain in command.json("domain", "list")] == ["example.org", "example.net"]


def test_init_refuses_what_cannot_be(command, tmp_path: Path):
    (tmp_path / "file").touch()

    assert "cannot be a SIP domain" in command.fails("init", "--domain", "a b")
    assert "cannot write the data folder" in command.fails("init", "--data", str(tmp_path / "file" / "data"))


def test_init_on_another_database(command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", f"sqlite:///{tmp_path}/elsewhere.db")
    command.ok("init", "--data", str(tmp_path / "data2"))

    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "data2" / "sipwright.db").exists()


def test_init_writes_the_database_into_new_settings_and_into_no_others(command, tmp_path: Path):
    folder, url = tmp_path / "new", f"sqlite:///{tmp_path}/elsewhere.db"
    command.ok("init", "--data", str(folder), "--database", url)

    assert f'url = "{url}"' in (folder / "sipwright.toml").read_text()
    assert (tmp_path / "elsewhere.db").exists()
    command.ok("init", "--data", str(folder), "--database", url)
    assert "names another database" in command.fails(
        "init", "--data", str(folder), "--database", "mysql://u@h/x"
    )
    assert "write sqlite:///FILE" in command.fails(
        "init", "--data", str(tmp_path / "x"), "--database", "dbase"
    )
    assert not (tmp_path / "x" / "sipwright.toml").exists()
