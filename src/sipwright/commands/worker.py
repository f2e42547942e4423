"""``python -m sipwright.commands.worker``: one of the processes that a switch with several workers consists of."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from functools import partial
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run until SIGTERM, or until the supervisor has ended."""
    gc.disable()  # as `sipwright run` does
    from sipwright.log_output import configure_log, load_log

    load_log()
    from sipwright.commands.hand_over import HandOver
    from sipwright.commands.run import explain, serve
    from sipwright.commands.welcome import FirstStart, welcome
    from sipwright.config import Settings
    from sipwright.errors import UserError
    from sipwright.parent import end_with_parent
    from sipwright.worker_lock import lock_worker

    parser = argparse.ArgumentParser(prog="sipwright.commands.worker", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--number", type=int, required=True, help="which worker, from 1 on")
    given = parser.parse_args()
    end_with_parent()
    settings = Settings.load(given.data).of_worker(given.number)
    configure_log(settings.log)
    settings.run_dir.mkdir(mode=0o700, exist_ok=True)
    try:
        lock_worker(given.data, given.number)
    except BlockingIOError:
        _fail(f"worker {given.number} of the switch with the data folder {given.data} is running already")
    sockets = HandOver.from_environment()
    found = sockets.take("made")
    made = None if found is None else FirstStart(**json.loads(found))
    on_ready = partial(welcome, settings, made) if given.number == 1 else _say_nothing
    try:
        serve(settings, on_ready, sockets)
    except OSError as error:
        _fail(explain(error, settings))
    except UserError as error:
        _fail(str(error))


def _say_nothing(has_pages: bool, admin: str | None, has_console: bool) -> None:
    """Leave the welcome to the first worker."""


def _fail(why: str) -> None:
    print(f"sipwright: {why}", file=sys.stderr, flush=True)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
