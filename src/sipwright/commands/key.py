"""``sipwright key``: the encryption key of the stored passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipwright.commands.common import CommandError, Data, Progress, group, say, settings_of, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration

__all__ = ["app"]

app = group("key", "The encryption key of the stored SIP passwords.")


@app.command()
def rotate(data: Data = None) -> None:
    """Make a new key, for all that is stored.

    A running switch takes it up by itself. The old key stays in the key file, so that older backups of the
    database open, until 'sipwright key forget'. When several nodes share a database, copy the new key file
    to all of them.

    \b
    Example:
      sipwright key rotate
    """
    from sipwright.store.crypto import rotate_key_file

    path = settings_of(data).key_file
    with_store(data, _opened)  # no key is added to a file that is not the one of this database
    fresh = rotate_key_file(path)
    count, lost = with_store(data, _reseal)
    say(f"{count} values are encrypted with key {fresh} now; keep a copy of {path}")
    if lost:
        raise CommandError(f"{_what_is_lost(lost)}; everything else is done")


@app.command()
def forget(data: Data = None) -> None:
    """Remove the old keys.

    Before that, what is still encrypted with them is encrypted with the newest one.

    \b
    Example:
      sipwright key forget
    """
    from sipwright.store.crypto import forget_old_keys

    path = settings_of(data).key_file
    _, lost = with_store(data, _reseal)
    if lost:
        raise CommandError(f"{_what_is_lost(lost)}; no key is forgotten before")
    count = forget_old_keys(path)
    if not count:
        say(f"{path} has no old key")
    else:
        what = "1 old key is" if count == 1 else f"{count} old keys are"
        say(f"{what} forgotten; a backup that needs one cannot be read without a copy of it")


async def _opened(store: Administration) -> None:
    """Do nothing: the file was tried on the database as that was opened."""


async def _reseal(store: Administration) -> tuple[int, list[str]]:
    lost: list[str] = []
    count = await store.reseal(Progress("encrypted"), lost.append)
    return count, list(dict.fromkeys(lost))


def _what_is_lost(lost: list[str]) -> str:
    names = ", ".join(lost[:10]) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
    return f"the password of {names} cannot be decrypted; set it again"
