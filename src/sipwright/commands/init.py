"""``sipwright init``: make a data folder, or complete one that is there."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import Data, data_dir, print_script, say
from sipwright.commands.ownership import give_to_owner
from sipwright.commands.settings_file import write_settings

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.store import Administration

__all__ = ["Initialised", "init", "initialise"]

DEFAULT_DOMAIN = "localhost"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What ``init`` found or made."""

    folder: Path
    domain: str
    admin: str
    # None when the admin was there already.
    password: str | None


def init(
    domain: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="The SIP domain that phones register in. "
            "[default: localhost; the machine's own addresses are served in any case]",
        ),
    ] = None,
    admin: Annotated[str, typer.Option("--admin", metavar="NAME", help="Name of the first admin.")] = "admin",
    password: Annotated[
        str | None, typer.Option(metavar="P", help="The admin's password. [default: a random one, printed]")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The database: postgresql://USER:PASSWORD@HOST/NAME or mysql://..., which is there already. "
            "[default: a file of SQLite in the folder]",
        ),
    ] = None,
    systemd: Annotated[
        bool,
        typer.Option("--systemd", help="Make a systemd unit for this folder as well; it is also printed."),
    ] = False,
    data: Data = None,
) -> None:
    """Make a data folder, or complete one.

    It has the settings, the database, the encryption key and the first admin.

    A folder that exists is only completed: nothing in it is overwritten, and a database of an older version
    is brought up to date.

    With --systemd, DIR/sipwright.service runs the switch as whoever owns the folder; standard output is that file.

    \b
    Examples:
      sipwright init --domain sip.example.org
      sipwright init --systemd --data /srv/sipwright | sudo tee /etc/systemd/system/sipwright.service
      sipwright init --database postgresql://sipwright:SECRET@db.example.org/sipwright --data /srv/sipwright
    """
    done = initialise(data_dir(data), domain, admin, password, database)
    lines = [
        f"data folder  {done.folder}",
        f"SIP domain   {done.domain}",
        f"admin        {done.admin}",
    ]
    if password is None and done.password is not None:
        lines.append(f"password     {done.password}   (shown only now)")
    if not systemd:
        say(*lines)
        return
    path, text = _write_unit(done.folder)
    say(*lines, f"systemd unit {path}; to install it, as root:", *_how_to_install(path), is_error=True)
    print_script(text)


def _write_unit(folder: Path) -> tuple[Path, str]:
    """Write the unit of a folder, anew if there is one: it follows the settings."""
    from sipwright.commands.systemd import UNIT, unit
    from sipwright.config import TRANSPORTS, Settings

    settings = Settings.load(folder)
    ports = [port for name in TRANSPORTS for _, port in settings.sip.addresses(name)]
    text = unit(folder, ports, settings.database_url)
    path = folder / UNIT
    path.write_text(text, encoding="utf-8")
    give_to_owner(folder, [path])
    return path, text


def _how_to_install(path: Path) -> tuple[str, str]:
    return (
        f"  cp {path} /etc/systemd/system/",
        "  systemctl daemon-reload && systemctl enable --now sipwright",
    )


def initialise(
    folder: Path,
    domain: str | None = None,
    admin: str = "admin",
    password: str | None = None,
    database: str | None = None,
) -> Initialised:
    """Make or complete a data folder; `database` is written into its settings, where they are new."""
    from sipwright.certificate import ensure_sip_certificate
    from sipwright.commands.common import CommandError
    from sipwright.config import CONFIG_FILE, Settings
    from sipwright.console.host_key import ensure_host_key
    from sipwright.store.crypto import create_key_file
    from sipwright.store.database import dialect_of_url
    from sipwright.store.schema.names import domain_name

    chosen = domain_name(domain or DEFAULT_DOMAIN)
    if database is not None:
        dialect_of_url(database)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_settings(folder / CONFIG_FILE, chosen, database)
    except OSError as error:
        raise CommandError(
            f"cannot write the data folder {folder}: {error.strerror}; choose another"
        ) from None
    settings = Settings.load(folder)
    if database is not None and settings.database.url != database:
        raise CommandError(
            f"{folder / CONFIG_FILE}, or the environment, names another database; change [database] url"
        )
    has_key = settings.key_file.exists()
    create_key_file(settings.key_file)
    ensure_host_key(settings.data_dir)
    ensure_sip_certificate(settings, [chosen])
    domains = [domain] if domain else settings.sip.domains or [chosen]
    # The database holds secrets, encrypted or not: its files are the owner's alone.
    umask = os.umask(0o077)
    try:
        return asyncio.run(_fill(settings, domains, (admin, password), is_key_new=not has_key))
    finally:
        os.umask(umask)
        give_to_owner(folder, folder.rglob("*"))


async def _fill(
    settings: Settings, domains: Sequence[str], admin: tuple[str, str | None], *, is_key_new: bool
) -> Initialised:
    """Bring the database up to date, with domains and an admin: a name and, unless one is made up, a password."""
    from sipwright.commands.common import CommandError
    from sipwright.store.admin.administration import Administration
    from sipwright.store.errors import WrongKeyError

    # A second key beside what the first one encrypted, and soon neither would open all of it.
    second_key = CommandError(
        f"the database is in use already, and its key file is not here; copy it to {settings.key_file}"
    )
    try:
        store = await Administration.open(settings.database_url, settings.key_file, migrate=True)
    except WrongKeyError:
        if not is_key_new:
            raise
        settings.key_file.unlink()
        raise second_key from None
    try:
        if is_key_new and await store.list_users():
            settings.key_file.unlink()
            raise second_key
        await store.ensure_domains(domains)
        default = (await store.list_domains())[0].name
        name, made = await _ensure_admin(store, *admin)
        return Initialised(settings.data_dir, default, name, made)
    finally:
        await store.close()


async def _ensure_admin(store: Administration, name: str, password: str | None) -> tuple[str, str | None]:
    for user in await store.list_users():
        if user.role == "admin":
            return user.name, None
    password = password or secrets.token_urlsafe(12)
    await store.add_user(name, password, "admin")
    return name, password
