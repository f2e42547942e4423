"""Writes golden files: what this version of Sipwright stores, for later versions to read.

    .venv/bin/python -m tests.golden.make tests/golden/VERSION

Run it once, when a version is released, and never again for that version: what its databases have cannot change any
more. The tests of this folder read the files of every version and go on with what they find.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from .folder import write_folder
from .moments import MOMENTS
from .plays import PLAYS, play
from .stage import Stage


def main(folder: Path, *, with_process: bool = True) -> None:
    for name, moment in MOMENTS.items():
        stage = Stage()
        moment(stage)
        _write(folder / "calls" / f"{name}.json", moment.__doc__, stage.written())
    for name, (about, source, acts) in PLAYS.items():
        _write(folder / "runs" / f"{name}.json", about, asyncio.run(play(source, acts)))
    if with_process:
        write_folder(folder / "folder")


def _write(path: Path, about: str | None, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, **content}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), with_process="--without-process" not in sys.argv)
