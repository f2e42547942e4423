"""Builds the native part along with the package, where there is cargo; elsewhere the package does without it.

It has no dependencies, so nothing is fetched. `SIPWRIGHT_NO_NATIVE=1` leaves it out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = Path("src/sipwright/_native.abi3.so")
WITHOUT = "built without its native part, which saves a part of what registrations and calls cost and nothing else"


class NativeHook(BuildHookInterface):
    """Puts the module beside the sources, from where an editable installation has it too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, and name the wheel for what it runs on."""
        why = build(Path(self.root)) if self.target_name == "wheel" else ""
        if why is not None:
            if why:
                self.app.display_warning(f"{WITHOUT}: {why}")
            return
        if version != "editable":
            machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"], build_data["tag"] = False, f"cp311-abi3-{machine}"
            build_data["artifacts"].append(str(MODULE))


def build(root: Path) -> str | None:
    """Build the module; return why there is none, if so."""
    module = root / MODULE
    module.unlink(missing_ok=True)
    if os.environ.get("SIPWRIGHT_NO_NATIVE", "") not in ("", "0"):
        return "SIPWRIGHT_NO_NATIVE is set"
    if shutil.which("cargo") is None:
        return "there is no cargo"
    with tempfile.TemporaryDirectory() as target:
        command = ["cargo", "build", "--release", "--offline", "--quiet", "--target-dir", target]
        try:
            subprocess.run(
                command, cwd=root / "native", check=True, capture_output=True, text=True, timeout=300
            )
            shutil.copy(Path(target) / "release" / "libsipwright_native.so", module)
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None) or str(error)
            return f"cargo failed: {told.strip().splitlines()[0]}"
    return None
