"""Fixtures of the broker tests, which need a database only to have a worker."""

import shutil
from pathlib import Path

import pytest

from app.settings import Settings
from tests.jobs.rabbit import proxy, rabbit

__all__ = ["proxy", "rabbit"]


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    """A worker over an empty SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "ansflow.db")
    return Settings(_env_file=None, data={"folder": tmp_path})
