"""What is installed is locked by hash, the locks are up to date, and none names a registry."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from review import locks

ROOT = Path(__file__).parents[1]


def pinned(lock: str) -> dict[str, str]:
    """The packages of a lock, each with the lines that stand under it."""
    parts = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    return {re.split(r"[=\s]", part, maxsplit=1)[0]: part for part in parts}


def test_no_lock_is_older_than_its_requirements():
    assert locks.stale() == [], "run: make lock"


@pytest.mark.parametrize("edited", ["requirements.txt", "service/requirements.txt"])
def test_a_lock_older_than_what_its_requirements_include_is_found(tmp_path: Path, edited: str):
    for name in (*locks.LOCKS, "requirements.txt", "service/requirements.txt"):
        for file in {Path(name), Path(name).with_suffix(".txt")}:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / file, tmp_path / file)
    assert locks.stale(tmp_path) == []
    with (tmp_path / edited).open("a") as file:
        file.write("# A remark changes nothing.\n")
    assert locks.stale(tmp_path) == []
    (tmp_path / edited).write_text(
        (tmp_path / edited).read_text().replace("boto3==1.", "boto3==2.")
    )
    assert locks.stale(tmp_path) == ["requirements-dev.lock"]


@pytest.mark.parametrize("lock", locks.LOCKS)
def test_every_package_of_a_lock_has_a_version_and_a_hash(lock: str):
    assert [name for name, lines in pinned(lock).items() if "==" not in lines] == []
    assert [name for name, lines in pinned(lock).items() if "--hash=sha256:" not in lines] == []


@pytest.mark.parametrize("lock", locks.LOCKS)
def test_a_backport_is_for_the_versions_of_python_that_lack_it(lock: str):
    """It does not even build on the others, and nothing is set up there."""
    backports = [lines for name, lines in pinned(lock).items() if name.startswith("backports")]
    assert [lines for lines in backports if "; python_full_version < '3.14'" not in lines] == []


@pytest.mark.parametrize("lock", [*locks.LOCKS, "package-lock.json"])
def test_no_lock_names_a_registry(lock: str):
    text = (ROOT / lock).read_text()
    assert re.findall(r"--(?:extra-)?index-url|--find-links|\"resolved\"", text) == []
    addresses = re.findall(r"https?://[^/\s\"]+", text) if lock.endswith(".lock") else []
    assert addresses == []


def test_npm_packages_have_a_hash():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert [name for name, package in installed.items() if "integrity" not in package] == []


def test_what_builds_the_checkout_is_locked_as_pyproject_pins_it():
    """The build runs without isolation, in the environment that the lock made."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = pinned("requirements-dev.lock")
    assert [each for each in required if each not in locked[each.partition("==")[0]]] == []
