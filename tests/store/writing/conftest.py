"""A database with all tables, its log, and who applies it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from sipwright.store.schema import tables
from sipwright.store.writing.log import RedoLog, directory_of
from sipwright.store.writing.log_applier import Applier


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with all tables."""
    path = tmp_path / "sipwright.db"
    engine = create_engine(f"sqlite:///{path}")
    tables.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def directory(database: Path) -> Path:
    return directory_of(database)


@pytest.fixture
def log(directory: Path) -> RedoLog:
    return RedoLog(directory)


@pytest.fixture
def applier(database: Path) -> Iterator[Applier]:
    applier = Applier(database)
    yield applier
    applier.close()
