"""``sipwright restore``: a data folder out of what ``sipwright backup`` has written."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.backup import ABOUT, DUMPS, FORMAT, secret_files
from sipwright.commands.common import CommandError, Data, clock, data_dir, say
from sipwright.commands.ownership import give_to_owner

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["restore"]


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What 'sipwright backup' has written.")],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help="The key file, when neither the backup nor the folder has it."
        ),
    ] = None,
    with_calls: Annotated[
        bool,
        typer.Option(
            "--with-calls",
            help="Go on with the calls that were in progress, when a switch that was just stopped moves here.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace what is in the folder; it is put aside, not deleted."),
    ] = False,
    data: Data = None,
) -> None:
    """Make a data folder out of a backup.

    Everything is tried before anything is replaced: that the file is whole, and that the key opens the passwords in it.
    Calls that were in progress are forgotten, and dialplans that waited; phones that were registered are still known
    until their time is over. A backup of an older version is brought up to date.

    \b
    Examples:
      sipwright restore monday.tar.gz --data /srv/sipwright --key /media/safe/sipwright.key
      sipwright restore monday.tar.gz --force
    """
    from sipwright.commands.run import hold

    folder = data_dir(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = hold(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as work:
            about = _unpack(file, Path(work))
            calls, aside = _Restoration(folder, Path(work), about, key, with_calls, force).run()
    finally:
        os.close(held)
    say(f"{folder} is as it was on {clock(about['made_at'])}")
    if calls:
        say(f"{calls} calls that were in progress then are forgotten")
    if aside is not None:
        say(f"what was there before is in {aside}; delete it when all is well")
    say(f"start the switch: sipwright run --data {folder}")


def _unpack(file: Path, work: Path) -> dict[str, Any]:
    """Unpack a backup into a folder of its own, and give what it says about itself.

    Only the members are taken that a backup has, by their names: a path in the file leads nowhere else.
    """
    from sipwright.config import CONFIG_FILE

    wanted = {ABOUT, CONFIG_FILE, *secret_files(), *DUMPS.values()}
    try:
        with tarfile.open(file, mode="r:*") as tar:
            for entry in tar:
                if entry.name not in wanted or not entry.isreg():
                    raise CommandError(f"{file} is no backup: it has {entry.name!r}, which no backup has")
                source = tar.extractfile(entry)
                assert source is not None  # it is a regular file
                handle = os.open(work / entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError:
        raise CommandError(f"there is no {file}") from None
    except tarfile.ReadError:
        raise CommandError(
            f"{file} is no backup, or is damaged; name a file that 'sipwright backup' has written"
        ) from None
    except (tarfile.TarError, EOFError, FileExistsError) as error:
        raise CommandError(f"{file} is no backup, or is damaged: {error}") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from None
    try:
        about = json.loads((work / ABOUT).read_bytes())
        number, kind = int(about["format"]), about["database"]
        is_whole = kind in DUMPS and (work / DUMPS[kind]).exists() and isinstance(about["made_at"], float)
    except (OSError, ValueError, KeyError, TypeError):
        is_whole, number = False, 0
    if number > FORMAT:
        raise CommandError(f"{file} was made by a newer Sipwright; install that one")
    if not is_whole:
        raise CommandError(f"{file} is no backup, or only a part of one")
    return dict(about)


class _Restoration:
    """One backup on its way into a folder."""

    def __init__(
        self, folder: Path, work: Path, about: dict[str, Any], key: Path | None, with_calls: bool, force: bool
    ) -> None:
        from sipwright.config import CONFIG_FILE, KEY_FILE

        self._folder = folder
        self._work = work
        self._about = about
        self._with_calls = with_calls
        self._force = force
        self._own_key, self._own_settings = folder / KEY_FILE, folder / CONFIG_FILE
        self._key, self._settings = work / KEY_FILE, work / CONFIG_FILE
        self._dump = work / DUMPS[about["database"]]
        if key is not None:
            self._key.write_bytes(_read(key))
        elif not self._key.exists() and self._own_key.exists():
            shutil.copyfile(self._own_key, self._key)
        if not self._key.exists():
            raise CommandError("the backup has no key; name the key file that belongs to it with --key")
        self._key.chmod(0o600)

    def run(self) -> tuple[int, Path | None]:
        """Do it; give how many calls were dropped, and where what was in the folder is now."""
        from sipwright.store.database import dialect_of_url

        settings = self._settings_to_be()
        url = settings.database_url
        kind = dialect_of_url(url)
        if kind != self._about["database"]:
            raise CommandError(
                f"the backup is of a {self._about['database']} database, and [database] url names {kind}; "
                "change one of them"
            )
        if kind == "sqlite":
            return self._restore_sqlite(settings)
        return self._restore_server(settings)

    def _settings_to_be(self) -> Settings:
        """Read the settings of the backup as if they were in the folder already."""
        from sipwright.config import Settings

        return Settings.load(self._work).moved_to(self._folder)

    def _restore_sqlite(self, settings: Settings) -> tuple[int, Path | None]:
        from sqlalchemy import make_url

        database = Path(make_url(settings.database_url).database or "")
        there = [path for path in (database, self._own_settings, self._own_key) if path.exists()]
        self._refuse_to_replace(there if database.exists() else [])
        dropped = asyncio.run(self._prepare(f"sqlite:///{self._dump}"))
        aside = self._put_aside(database) if there else None
        self._dump.chmod(0o600)
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(self._dump, database)
        give_to_owner(self._folder, [database])
        self._place_files()
        return dropped, aside

    def _restore_server(self, settings: Settings) -> tuple[int, Path | None]:
        from sipwright.store.admin.backups import restore_server

        self._refuse_to_replace([self._own_settings] if self._own_settings.exists() else [])
        restore_server(settings.database_url, self._dump)
        dropped = asyncio.run(self._prepare(settings.database_url))
        aside = self._put_aside(None) if self._own_settings.exists() else None
        self._place_files()
        return dropped, aside

    def _refuse_to_replace(self, there: list[Path]) -> None:
        if there and not self._force:
            raise CommandError(
                f"{there[0]} is there already; restore into another folder with --data, or put it aside with --force"
            )

    async def _prepare(self, url: str) -> int:
        """Bring a database up to date, try the key on it, and drop what is of another time."""
        from sipwright.store.admin.administration import Administration
        from sipwright.store.admin.backups import drop_calls

        store = await Administration.open(url, self._key, migrate=True)
        try:
            return 0 if self._with_calls else await store.database.write(drop_calls)
        finally:
            await store.close()

    def _put_aside(self, database: Path | None) -> Path:
        """Move what is to be replaced into a folder of its own, with the log that belongs to the database."""
        from sipwright.store.writing.log import directory_of

        aside = self._folder / time.strftime("before-restore-%Y%m%d-%H%M%S")
        aside.mkdir(mode=0o700)
        names = [self._settings.name, *secret_files()]
        paths = [self._folder / name for name in names if (self._work / name).exists()]
        if database is not None:
            paths += [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
            paths.append(directory_of(database))
        for path in paths:
            if path.exists():
                shutil.move(path, aside / path.name)
        return aside

    def _place_files(self) -> None:
        for name in (self._settings.name, *secret_files()):
            if (made := self._work / name).exists():
                made.replace(self._folder / name)
        give_to_owner(self._folder, self._folder.rglob("*"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"the key file {path} cannot be read: {error.strerror or error}") from None
