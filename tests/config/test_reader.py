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


def _with_own(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "config").mkdir()
    for module in (ROOT / "config").glob("*.py"):
        (tmp_path / "config" / module.name).write_bytes(module.read_bytes())
    (tmp_path / reader.OWN).write_text(text)
    program = "from config.reader import environments; print(*environments())"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_the_owner_s_file_takes_the_place_of_the_shipped_one(tmp_path):
    own = """
from dataclasses import replace

from config.environments import PRODUCTION

ENVIRONMENTS = {"live": replace(PRODUCTION, name="live", account="222233334444")}
"""
    assert _with_own(tmp_path, own).stdout == "live\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ENVIRONMENT = {}\n", "should end with ENVIRONMENTS, by name"),
        ("\nx = TierSize()\n", "line 2: name 'TierSize' is not defined"),
        ("x = (\n", "line 1: '(' was never closed"),
    ],
)
def test_a_mistake_in_the_owner_s_file_is_named_with_its_place(tmp_path, text, message):
    last = _with_own(tmp_path, text).stderr.splitlines()[-1]
    assert last.startswith(f"ValueError: {reader.OWN}")
    assert message in last
