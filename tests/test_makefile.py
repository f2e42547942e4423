"""The Makefile's choice of a Python: Debian's where it will do, another where it will not, and what it says of none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
FIT = '#!/bin/sh\n[ "$1" != -m ] || echo "$0 makes it" >&2\n'
OLD = '#!/bin/sh\ncase "$2" in *version_info*) exit 1;; esac\n'
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def make(tmp_path):
    """Return what `make` says of the Pythons that a machine has: Debian's, and `python3` in the PATH."""

    def run(system: str | None, in_path: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "bin").mkdir()
        for path, source in ((tmp_path / "system-python3", system), (tmp_path / "bin/python3", in_path)):
            if source is not None:
                path.write_text(source)
                path.chmod(0o755)
        for tool in ("sh", "rm", "make", "grep"):
            (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
        return subprocess.run(
            ["make", "-f", MAKEFILE, f"SYSTEM_PYTHON={tmp_path}/system-python3", *arguments],
            cwd=tmp_path,
            # Not what a `make` that runs these tests hands on to another one.
            env={"PATH": f"{tmp_path}/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("system", "in_path", "arguments", "chosen"),
    [
        pytest.param(FIT, FIT, (), "system-python3", id="the system's comes first"),
        pytest.param(OLD, FIT, (), "bin/python3", id="an old one is passed over"),
        pytest.param(WITHOUT_VENV, FIT, (), "bin/python3", id="one without venv is passed over"),
        pytest.param(None, FIT, (), "bin/python3", id="there may be none"),
        pytest.param(FIT, FIT, ("PYTHON=bin/python3",), "bin/python3", id="the user has the last word"),
    ],
)
def test_the_python_for_the_virtual_environment_is_chosen(make, system, in_path, arguments, chosen):
    done = make(system, in_path, ".venv/bin/python", *arguments)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Creating .venv with ")
    assert done.stderr.endswith(f"/{chosen} makes it\n") or done.stderr == f"{chosen} makes it\n"


@pytest.mark.parametrize(
    ("system", "in_path", "arguments", "said"),
    [
        (WITHOUT_VENV, OLD, (), "On Debian: apt-get install python3-venv"),
        (None, None, (), "No Python 3.11 or newer was found"),
        (FIT, OLD, ("PYTHON=python3",), "needs Python 3.11 or newer, and python3 is not that"),
        (FIT, WITHOUT_VENV, ("PYTHON=python3",), "python3 cannot make a virtual environment"),
    ],
)
def test_a_python_that_will_not_do_is_refused_with_advice(make, system, in_path, arguments, said):
    done = make(system, in_path, ".venv/bin/python", *arguments)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Creating" not in done.stdout


def test_an_environment_that_is_there_already_stays(make, tmp_path):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()

    assert "up to date" in make(FIT, FIT, ".venv/bin/python").stdout


def test_an_environment_that_was_moved_with_its_folder_is_made_anew(make, tmp_path):
    """The programs in it would name a Python where none is any more."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    (tmp_path / ".venv/bin/sipwright").write_text("#!/elsewhere/.venv/bin/python\n")
    done = make(FIT, FIT, ".venv/bin/python")

    assert done.stdout.startswith(".venv was made for another folder: it is made anew.\nCreating .venv with ")
    assert not (tmp_path / ".venv/bin").exists()


def test_an_environment_of_this_folder_stays_with_what_is_installed(make, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    (tmp_path / ".venv/bin/sipwright").write_text(f"#!{tmp_path}/.venv/bin/python\n")

    assert "up to date" in make(FIT, FIT, ".venv/bin/python").stdout
