"""The first start: what `sipwright run` makes in an empty folder, and what it then tells its user."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sipwright.commands.common import say
from sipwright.transport.flow import format_address
from sipwright.usecases.phone_settings import reachable_address, reachable_host

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["FirstStart", "pages_address", "prepare", "welcome"]

OUT_PLAN = """\
# The calls that you make run through this script, from top to bottom.
log(f"{req.from_user} calls {req.user}")

if req.user == "100":
    respond(486, "Busy Here")           # try it: dial 100

if req.user == "200":
    dial("alice@local & bob@local", ring=20)   # both ring, the first to answer gets the call
    respond(480, "Nobody is available")

dial(f"{req.user}@local", ring=30)
# dial(f"{req.user}@myprovider")        # after: sipwright provider add myprovider --server ... --username ...
respond(480, "Nobody is available")
"""

IN_PLAN = """\
# The calls that come to you run through this script.
log(f"a call from {req.from_user}@{req.from_host}")

dial(f"{call.account}@local", ring=30)   # your phones
respond(480, "Not available")
"""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What was made: the admin's password, and the password of each account."""

    admin: str
    admin_password: str | None
    accounts: dict[str, str]


def prepare(folder: Path) -> FirstStart | None:
    """Make what is missing in a data folder; `None` when it was in use already."""
    from sipwright.config import CONFIG_FILE

    is_set = (folder / CONFIG_FILE).exists()
    if is_set and _is_in_use(folder):
        return None
    from sipwright.commands.init import initialise

    done = initialise(folder)
    if done.password is None:
        # Only the settings were missing: the database has its own accounts.
        return None
    if is_set:
        # Somebody has written the settings and knows what he wants: no accounts that he has not asked for.
        return FirstStart(done.admin, done.password, {})
    accounts = {name: secrets.token_urlsafe(9) for name in ("alice", "bob")}
    asyncio.run(_fill(folder, accounts))
    return FirstStart(done.admin, done.password, accounts)


def _is_in_use(folder: Path) -> bool:
    """Return whether there is more in a folder than settings, such as a tool writes that installs a switch."""
    from sipwright.config import Settings
    from sipwright.store.database import missing_file

    settings = Settings.load(folder)
    return settings.key_file.exists() or missing_file(settings.database_url) is None


async def _fill(folder: Path, accounts: dict[str, str]) -> None:
    from sipwright.config import Settings
    from sipwright.store.admin.administration import Administration

    settings = Settings.load(folder)
    store = await Administration.open(settings.database_url, settings.key_file)
    try:
        await store.set_dialplan(None, "out", OUT_PLAN)
        await store.set_dialplan(None, "in", IN_PLAN)
        for name, password in accounts.items():
            await store.add_account(name, password, out_plan="out", in_plan="in")
    finally:
        await store.close()


def welcome(
    settings: Settings,
    made: FirstStart | None,
    has_pages: bool = False,
    admin: str | None = None,
    has_console: bool = True,
) -> None:
    """Tell what to type into a phone and a browser, and how to place a test call.

    Where the pages or the console could not listen, that is told: what answers there is another program.
    """
    folder = settings.data_dir
    shown = f" --data {folder}" if folder != Path("data").absolute() else ""
    places = [f"{place} ({transport.upper()})" for transport, place in settings.sip.listens]
    lines = [
        "",
        f"Sipwright is running: SIP on {', '.join(places) or 'no address: [sip] udp and tcp are empty'}",
        *(_pages(settings, made, admin, shown) if has_pages else _no_pages(settings)),
    ]
    if settings.ssh.address is not None and not has_console:
        lines += _no_console(settings)
    elif settings.ssh.address is not None:
        lines += ["", *console_lines(settings, made.admin if made is not None else admin)]
    if made is not None or places:
        lines += _phones(settings, made, shown)
    if made is not None and not has_pages:
        lines += [
            "",
            f"  Admin                  {made.admin}, password {made.admin_password}   (shown only now)",
        ]
    if shutil.which("sipwright") is None:
        lines += ["", f"  In another terminal    PATH={Path(sys.argv[0]).parent}:$PATH"]
    say(*lines, *(line.replace("SHOWN", shown) for line in _NEXT))


def _pages(settings: Settings, made: FirstStart | None, admin: str | None, shown: str) -> list[str]:
    lines = ["", f"  Pages                  {pages_address(settings)}"]
    if made is not None:
        lines += [f"    log in as {made.admin:<8} password {made.admin_password}   (shown only now)"]
    elif admin is not None:
        lines += [
            f"    log in as {admin}   (a password that is lost: sipwright user password {admin}{shown})"
        ]
    return lines


def _no_pages(settings: Settings) -> list[str]:
    if settings.web.address is None:
        return []
    return [
        "",
        f"  No pages yet           {settings.web.listen} cannot be had: the warning above says why, and what to",
        f"                         change in {shown_file(settings)}",
    ]


def _no_console(settings: Settings) -> list[str]:
    return [
        "",
        f"  No console yet         another program listens on {settings.ssh.listen}; change [ssh] listen in",
        f"                         {shown_file(settings)}, and start it again",
    ]


def _phones(settings: Settings, made: FirstStart | None, shown: str) -> list[str]:
    server = format_address(reachable_address(settings)).removesuffix(":5060")
    if made is None:
        return [
            "",
            f"  Phone settings         server {server}; 'sipwright account list{shown}' has the user names; a password",
            f"                         that is lost is set anew: sipwright account set NAME --password P{shown}",
        ]
    known = made.accounts.items()
    return [
        "",
        f"  Phone settings         server (registrar, domain, proxy): {server}",
        *(f"    {name:<8} user name {name:<8} password {password}" for name, password in known),
    ]


_NEXT = """
  Place a test call      sipwright call-testSHOWN
  Who is registered      sipwright bindingsSHOWN
  Another phone          sipwright account add NAME --password PSHOWN
  Edit a dialplan        sipwright dialplan show outSHOWN > out.py
                         sipwright dialplan set out out.pySHOWN   (after your changes)

Ctrl-C stops it.

""".splitlines()
"""What somebody may do next; `SHOWN` is the option that names the data folder, where it is needed."""


def shown_file(settings: Settings) -> str:
    """Return the name of the file with the settings, as somebody finds it from where they are."""
    from sipwright.config import CONFIG_FILE

    path = settings.data_dir / CONFIG_FILE
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def console_lines(settings: Settings, admin: str | None) -> list[str]:
    """Return what to type for the console, and by what its host key is known."""
    from sipwright.config import ConfigError
    from sipwright.console.host_key import ensure_host_key, fingerprint

    assert settings.ssh.address is not None
    host, port = settings.ssh.address
    host = "localhost" if host == "::" else reachable_host(settings, host) if host == "0.0.0.0" else host
    try:
        known_by = fingerprint(ensure_host_key(settings.data_dir))
    except ConfigError as error:
        return [f"  Console                not available: {error}"]
    return [
        f"  Console                ssh -p {port} {admin or 'NAME'}@{host}",
        f"    host key             {known_by}",
    ]


def pages_address(settings: Settings) -> str:
    """Return what to type into a browser."""
    assert settings.web.address is not None
    host, port = settings.web.address
    host = "localhost" if host == "::" else reachable_host(settings, host) if host == "0.0.0.0" else host
    shown = f"[{host}]" if ":" in host else host
    return f"{settings.web.scheme}://{shown}:{port}{settings.web.prefix}/"
