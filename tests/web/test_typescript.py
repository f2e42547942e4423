"""A client in TypeScript that is made of the OpenAPI document alone: it compiles, and works with a switch that runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from web.conftest import Rest

HERE = Path(__file__).with_name("typescript")
INSTALLED = Path(sys.prefix) / "typescript" / "node_modules"
"""Where `make` puts what ``typescript/package.json`` names."""

pytestmark = [
    pytest.mark.peer("node"),
    pytest.mark.skipif(
        not (INSTALLED / "openapi-typescript").is_dir(),
        reason="openapi-typescript is not installed; `make .venv/.typescript` does it where npm can be reached",
    ),
]


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def test_a_client_of_the_document_compiles_and_works(rest: Rest, tmp_path: Path):
    for name in ("package.json", "tsconfig.json", "client.ts"):
        shutil.copy(HERE / name, tmp_path)
    os.symlink(INSTALLED, tmp_path / "node_modules")
    (tmp_path / "openapi.json").write_text(rest("GET", "/openapi.json", who="").text)
    run(tmp_path, "node_modules/.bin/openapi-typescript", "openapi.json", "-o", "api.d.ts")
    run(tmp_path, "node_modules/.bin/tsc", "-p", ".")
    said = json.loads(run(tmp_path, "node", "client.js", rest.url, rest.tokens["root"]))

    assert said == {
        "me": "root", "made": "typed@sip.test", "more": 1, "statuses": [201, 409, 422, 204], "problem": "Conflict",
        "field": "most_calls",
    }  # fmt: skip
