"""Folders and targets of the local room's tests; no process of theirs outlives a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A local target's folder; whatever was started for it ends with the test."""
    made = tmp_path / "local"
    made.mkdir()
    yield made
    process.end_all(made)
