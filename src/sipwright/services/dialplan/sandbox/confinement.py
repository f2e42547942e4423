"""Starts the workers of the sandbox by way of `launcher.py`, and tells what the kernel does not let it take from them.

The library wants the path of one program. So there is one for as long as this process lives: a few lines in a file
without a name, which the kernel hands to Python by the first of them. It takes some 20 ms, for each worker once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import structlog
from pydantic_monty._binary import find_monty_binary

from . import launcher

__all__ = ["Confinement"]

log = structlog.get_logger(__name__)

_PATIENCE = 10.0


class Confinement:
    """The program that workers are started with."""

    def __init__(self, interpreter: str | None = None) -> None:
        """Make it for a program; the library's own if none is given."""
        self.interpreter = os.path.realpath(interpreter or find_monty_binary())
        self._file: int | None = None
        self._trial: subprocess.Popen[str] | None = None
        self.program = self.interpreter
        """What to start in its place."""
        try:
            program = self._make()
            self._trial = self._try(program)
            self.program = program
        except (AttributeError, OSError) as error:
            self._why = f"everything: {error}"
            self.close()

    def _make(self) -> str:
        folder = str(Path(launcher.__file__).parent)
        text = (
            f"#!{os.path.realpath(sys.executable)} -IS\nimport sys\n\nsys.path.append({folder!r})\n"
            f"from launcher import main\n\nmain({self.interpreter!r}, sys.argv[1:])\n"
        )
        self._file = os.memfd_create("sipwright-worker", os.MFD_CLOEXEC)
        os.write(self._file, text.encode())
        os.fchmod(self._file, 0o500)
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def missing(self) -> list[str]:
        """Return what it could not take from a first worker, which was started for that; it may have to be awaited."""
        if self._trial is None:
            return [self._why]
        try:
            said, _ = self._trial.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._trial.kill()
            self._trial.communicate()
            return ["everything: the launcher does not end"]
        if self._trial.returncode != 0:
            return [f"everything: the launcher ends with {self._trial.returncode}"]
        return str(said).splitlines()

    def tell(self) -> None:
        """Say in the log what keeps scripts in but the interpreter, where the kernel does not."""
        if missing := self.missing():
            log.warning(
                "workers of the sandbox are not confined by the kernel",
                missing=missing,
                what_to_do="a newer kernel, or another setting of the container, allows it; "
                "the interpreter alone keeps scripts from files and the network here",
            )

    def _try(self, program: str) -> subprocess.Popen[str]:
        """Start it once.

        Raises:
            OSError: The kernel does not.
        """
        return subprocess.Popen(
            [program, "--tell"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={}, text=True,
        )  # fmt: skip

    def close(self) -> None:
        """Forget it; workers that run go on, but for the first one, should nobody have asked what that has to tell."""
        if self._trial is not None and self._trial.returncode is None:
            self._trial.kill()
            self._trial.communicate()
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self.program = self.interpreter
