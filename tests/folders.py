"""Data folders as `sipwright init` makes them, to copy: to make one costs as much computing as to start a switch."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sipwright.commands.init import initialise
from sipwright.config import Settings
from sipwright.store import Administration


def data_folder(
    folder: Path, domain: str = "example.org", admin: str = "admin", password: str = "password",
    users: tuple[tuple[str, str], ...] = (),
) -> Path:  # fmt: skip
    """Make a data folder with a domain, an admin and other users, each a name and a password."""
    shutil.copytree(_prepared(domain, admin, password, users), folder)
    return folder


@cache
def _prepared(domain: str, admin: str, password: str, users: tuple[tuple[str, str], ...]) -> Path:
    made = Path(tempfile.mkdtemp(prefix="sipwright-prepared-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    initialise(made / "data", domain, admin, password)
    asyncio.run(_add(made / "data", users))
    return made / "data"


async def _add(folder: Path, users: tuple[tuple[str, str], ...]) -> None:
    settings = Settings.load(folder)
    administration = await Administration.open(settings.database_url, settings.key_file)
    for name, password in users:
        await administration.add_user(name, password)
    await administration.close()
