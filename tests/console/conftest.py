"""A console on a data folder without a switch, and the real clients that talk to it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.console.listener import Console
from sipwright.usecases import UseCases

PASSWORDS = {"admin": "admin's secret", "alice": "alice's secret", "bob": "bob's secret"}


@dataclass(slots=True)
class Answer:
    """What a client printed, and its exit status."""

    status: int
    out: str
    err: str


@dataclass(slots=True)
class Clients:
    """Real clients of one console."""

    console: Console
    usecases: UseCases
    folder: Path

    @property
    def port(self) -> int:
        return self.console.address[1]

    def line(self, name: str, *options: str) -> list[str]:
        quiet = [
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ]
        return ["ssh", "-F", "none", "-p", str(self.port), *quiet, *options, f"{name}@127.0.0.1"]

    async def run(
        self,
        arguments: list[str],
        password: str = "",
        typed: bytes | None = None,
        env: dict[str, str] | None = None,
    ) -> Answer:
        askpass = self.folder / "askpass"
        askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$SSH_PASSWORD"\n')
        askpass.chmod(0o700)
        environment = {
            **os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "SSH_PASSWORD": password,
            "DISPLAY": ":0", **(env or {}),
        }  # fmt: skip
        environment.pop("SSH_AUTH_SOCK", None)
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=asyncio.subprocess.DEVNULL if typed is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(typed), 120)
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(), err.decode())

    async def ssh(self, name: str, *command: str, options: tuple[str, ...] = (), **rest: object) -> Answer:
        return await self.run([*self.line(name, *options), *command], PASSWORDS.get(name, ""), **rest)  # type: ignore[arg-type]


@pytest.fixture
async def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIPWRIGHT_SSH__LISTEN", "127.0.0.1:0")
    others = tuple((name, PASSWORDS[name]) for name in ("alice", "bob"))
    folder = await asyncio.to_thread(
        data_folder, tmp_path / "data", "localhost", password=PASSWORDS["admin"], users=others
    )
    settings = Settings.load(folder)
    usecases = await UseCases.open(settings)
    console = Console(usecases, settings)
    await console.start()
    yield Clients(console, usecases, tmp_path)
    await console.close()
    await usecases.close()
