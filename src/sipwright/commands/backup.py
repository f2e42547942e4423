"""``sipwright backup``: a data folder as one file, while the switch runs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Progress,
    clock,
    print_json,
    say,
    settings_of,
)

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["ABOUT", "DUMPS", "FORMAT", "backup", "secret_files"]

FORMAT = 1
"""The version of the file's contents; a restore refuses what is newer."""

ABOUT = "backup.json"
"""The first member of the file: format, time, versions, and which kind of database."""

DUMPS = {"sqlite": "database.sqlite", "postgresql": "database.pgdump", "mariadb": "database.sql"}
"""The member that has the database, by its kind."""


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as monday.tar.gz.")],
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key",
            help="Put the keys in as well, also those of the SSH console and of SIP over TLS: "
            "whoever has the backup has all passwords.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Write everything into one file, while the switch runs.

    It has the settings and the database as it is at this moment: all that was committed before, also what is in the
    log only, and half of nothing. Calls go on meanwhile. The key that opens the stored passwords belongs somewhere
    else; a backup without it is of no use to a thief, nor to you: keep a copy of sipwright.key.

    Of a PostgreSQL database it is what pg_dump makes, and of MariaDB what mariadb-dump makes, which has to be
    installed here.

    \b
    Examples:
      sipwright backup /var/backups/sipwright-$(date +%F).tar.gz
      sipwright backup --with-key /media/safe/sipwright.tar.gz
    """
    settings = settings_of(data)
    if file.exists() and not force:
        raise CommandError(f"{file} is there already; choose another name, or write over it with --force")
    if not file.absolute().parent.is_dir():
        raise CommandError(f"{file.absolute().parent}: No such file or directory; make that folder first")
    about = asyncio.run(_about(settings, with_key))
    part = file.with_name(f"{file.name}.part")
    with _removed(part), tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        dump = Path(folder) / DUMPS[about["database"]]
        _copy(settings, about["database"], dump)
        _pack(part, about, settings, dump)
        part.replace(file)
    done = {"file": str(file), "bytes": file.stat().st_size, **about}
    if as_json:
        print_json(done)
        return
    say(f"{file}: {done['bytes'] / 1e6:.1f} MB, as of {clock(about['made_at'])}")
    if not with_key:
        say(f"It has no key: keep a copy of {settings.key_file} somewhere else.")


async def _about(settings: Settings, with_key: bool) -> dict[str, Any]:
    """Describe the backup; a key file that does not open the database is found now, not when it is needed."""
    from importlib import metadata

    from sipwright.store.admin.administration import Administration
    from sipwright.store.migrations import HEAD

    store = await Administration.open(settings.database_url, settings.key_file)
    kind = store.database.dialect
    await store.close()
    return {
        "format": FORMAT,
        "made_at": round(time.time(), 3),
        "sipwright": metadata.version("sipwright"),
        "revision": HEAD,
        "database": kind,
        "node": settings.node,
        "key": with_key,
    }


def _copy(settings: Settings, kind: str, target: Path) -> None:
    from sqlalchemy import make_url

    from sipwright.store.admin.backups import copy_server, copy_sqlite

    if kind == "sqlite":
        path = Path(make_url(settings.database_url).database or "")
        copy_sqlite(path, target, Progress("pages copied"))
    else:
        say(f"{'pg_dump' if kind == 'postgresql' else 'mariadb-dump'} is at work", is_error=True)
        copy_server(settings.database_url, target)


def _pack(part: Path, about: dict[str, Any], settings: Settings, dump: Path) -> None:
    """Write the file, readable by its owner only, and see it on the disk."""
    from sipwright.config import CONFIG_FILE

    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        # Most of a database is text that repeats: the fastest level makes it small already.
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
            _add_text(tar, ABOUT, json.dumps(about, indent=2) + "\n")
            for name in (CONFIG_FILE, *secret_files()) if about["key"] else (CONFIG_FILE,):
                path = settings.data_dir / name
                if path.exists():
                    _add_text(tar, name, path.read_text(encoding="utf-8"))
            tar.add(dump, dump.name, filter=_anonymous)
        out.flush()
        os.fsync(out.fileno())


def secret_files() -> tuple[str, ...]:
    """Return the files of a data folder that are secret: what opens the passwords, and what it is known by.

    Console and phones know it by a host key and a certificate, which is of no use without its key.
    """
    from sipwright.config import KEY_FILE, SIP_CERTIFICATE, SIP_KEY
    from sipwright.console.host_key import HOST_KEY_FILE

    return KEY_FILE, HOST_KEY_FILE, SIP_KEY, SIP_CERTIFICATE


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    tar.addfile(entry, io.BytesIO(content))


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose files they were: that says nothing on another machine."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


@contextlib.contextmanager
def _removed(path: Path) -> Iterator[None]:
    """Leave no half of a file behind, whatever happens."""
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
