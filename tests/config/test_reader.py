"""A mistake in the environment file is named with its line, and with what would be right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config import reader

ROOT = Path(__file__).parents[2]
PROGRAM = "from config.reader import environments; environments()"


def said(tmp_path: Path, old: str, new: str) -> str:
    """Return the message for the shipped file with one edit."""
    (tmp_path / "config").mkdir()
    for module in (ROOT / "config").glob("*.py"):
        (tmp_path / "config" / module.name).symlink_to(module)
    edited = tmp_path / "config" / "environments.py"
    text = edited.read_text()
    assert old in text
    edited.unlink()
    edited.write_text(text.replace(old, new, 1))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def line_of(text: str) -> int:
    lines = (ROOT / reader.FILE).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_an_unknown_field_and_the_one_that_was_meant(tmp_path):
    place = f"{reader.FILE}, line {line_of('MINIMAL_EDGE = TierSize(')}"
    assert said(tmp_path, "peak_tasks=1,", "peak_task=1,") == (
        f"ValueError: {place}: TierSize has no field 'peak_task': did you mean 'peak_tasks'?"
    )


def test_an_unknown_field_that_is_like_no_other(tmp_path):
    line = said(tmp_path, "peak_tasks=1,", "zebra=1,")
    assert "has no field 'zebra': it has peak_tasks, max_tasks, cpu_units" in line


def test_a_field_that_is_missing(tmp_path):
    line = said(tmp_path, "    peak_tasks=1,\n", "")
    assert line.endswith(
        "TierSize lacks 'peak_tasks': give a value, as the environments beside it do"
    )


def test_a_line_that_is_no_python(tmp_path):
    old, broken = "    max_tasks=6,  # twice", "    max_tasks=6  # twice"
    place = f"{reader.FILE}, line {line_of(old)}"
    assert said(tmp_path, old, broken).startswith(f"ValueError: {place}: invalid syntax")


def test_a_name_that_nothing_has(tmp_path):
    line = said(tmp_path, "size=MINIMAL_CLUSTER", "size=MINIMAL_CLUSTERS")
    assert "name 'MINIMAL_CLUSTERS' is not defined" in line
    assert f"{reader.FILE}, line " in line


def test_a_mistake_of_the_project_s_own_code_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "config.environments", None)  # import raises from here
    with pytest.raises(ImportError):
        reader.environments()
