"""The systemd unit, and word to systemd."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from sipwright.commands.systemd import tell_systemd, unit, watchdog_interval


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["data", "a folder; with $ and 100%"])
def test_systemd_finds_nothing_wrong_with_the_unit(command, tmp_path: Path, name: str):
    folder = tmp_path / name
    text = command.ok("init", "--systemd", "--data", str(folder))

    assert (folder / "sipwright.service").read_text() == text
    assert "systemctl enable --now sipwright" in command.err
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(folder / "sipwright.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in (checked.stdout + checked.stderr).splitlines() if "sipwright.service" in line]
    assert ours == []
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("port", [443, 5060])
def test_the_unit_gives_away_what_the_switch_does_not_need(tmp_path: Path, port: int):
    text = unit(
        Path("/srv/sipwright"), [port], "sqlite:////srv/x.db", user="sipwright", program="/opt/bin/sipwright"
    )
    (tmp_path / "sipwright.service").write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(tmp_path / "sipwright.service")],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip

    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None, said
    assert float(exposure[1]) < 2.0


def test_the_watchdog_is_fed_twice_as_often_as_it_wants(monkeypatch: pytest.MonkeyPatch):
    assert watchdog_interval() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_interval() == 15.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval() is None


def test_the_unit_follows_the_settings():
    plain = unit(Path("/srv/sipwright"), [5060], "sqlite:////srv/sipwright/sipwright.db")
    low = unit(Path("/srv/sipwright"), [443, 5060], "postgresql://sipwright@/sipwright")

    assert "CapabilityBoundingSet=\n" in plain
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in low
    assert "postgresql.service" in low
    assert "postgresql" not in plain
    assert "Restart=always" in plain
    assert "run --data /srv/sipwright\n" in plain


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told_when_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path if is_abstract else path)
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path if is_abstract else path)
        tell_systemd("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_nobody_who_does_not_listen_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    tell_systemd("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    tell_systemd("READY=1")
