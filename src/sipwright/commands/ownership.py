"""Whose a data folder is: nobody else can read it, and root must leave nothing in it that its owner cannot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sipwright.errors import UserError

__all__ = ["give_to_owner", "refuse_others", "warn_root"]

_NEEDED = ("sipwright.toml", "sipwright.key")


def refuse_others(folder: Path) -> None:
    """Say to somebody who cannot read a data folder whose it is, and how to go on.

    Raises:
        UserError: It, or what every command needs of it, cannot be read.
    """
    if folder.is_dir():
        is_open = os.access(folder, os.R_OK | os.X_OK)
        if not is_open or not all(map(_is_readable, (folder / name for name in _NEEDED))):
            owner = _owner(folder)
            raise UserError(
                f"the data folder {folder} is for {owner} alone; put 'sudo -u {owner}' before the command, or name "
                "another folder with --data"
            )


def give_to_owner(folder: Path, paths: Iterable[Path]) -> None:
    """Give what root has made to the owner of the data folder."""
    if os.geteuid() == 0:
        whose = folder.stat()
        for path in paths:
            with suppress(FileNotFoundError):  # the switch runs, and has done with it
                os.chown(path, whose.st_uid, whose.st_gid, follow_symlinks=False)


def warn_root(folder: Path) -> str | None:
    """Return what root is to hear who lets a switch run on the data folder of somebody else."""
    if os.geteuid() != 0 or folder.stat().st_uid == 0:
        return None
    owner = _owner(folder)
    return (
        f"the data folder {folder} belongs to {owner}, who cannot read what root writes there now; "
        f"better: sudo -u {owner} sipwright run"
    )


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK) or not path.exists()


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except KeyError:
        return f"#{folder.stat().st_uid}"  # as sudo takes it, too
