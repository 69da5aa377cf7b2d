"""`make setup` on a disk that is full, and after an installation that somebody interrupted.

The installers are stand-ins that write one file and may end half way; the recipes are real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = (
    "make",
    "bash",
    "sh",
    "sed",
    "grep",
    "date",
    "touch",
    "rm",
    "test",
    "awk",
    "mkdir",
    "cp",
    "chmod",
)
PINS = [
    "Makefile",
    "requirements-uv.lock",
    "requirements-dev.lock",
    "pyproject.toml",
    "package.json",
    "package-lock.json",
    "local/requirements.lock",
    "config/environments.py",
]
FOLDERS = [".venv", ".venv-emulator", "node_modules"]
_HALF = '  test ! -e fail-%s || { echo half >%s/half; echo "no space left" >&2; exit 28; }\n'


class Checkout:
    """A folder with the Makefile and what it pins, and a PATH of stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder / "checkout", folder / "path"
        self.path.mkdir()
        for name in ("local", "config"):
            (self.folder / name).mkdir(parents=True)
        for name in PINS:
            shutil.copy(ROOT / name, self.folder / name)
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or tool)
        self.free(100_000)
        self.stand_in("node", "echo v20.1.0")
        self.stand_in("npm", "mkdir -p node_modules\n" + _HALF % (("node_modules",) * 2))
        uv = (
            'case "$*" in venv*) mkdir -p .venv-emulator/bin; touch .venv-emulator/bin/python\n'
            "  chmod +x .venv-emulator/bin/python ;; *.venv-emulator*)\n"
            + _HALF % ((".venv-emulator",) * 2)
            + ";; esac"
        )
        self.stand_in("uv", uv)
        python = (
            'case "$*" in *version_info*) echo 3.11.2 ;; *venv*) mkdir -p .venv/bin\n'
            f"  cp {self.path}/python3 .venv/bin/python; cp {self.path}/uv .venv/bin/uv\n"
            "  ;; *install*)\n" + _HALF % ((".venv",) * 2) + ";; esac"
        )
        self.stand_in("python3", python)

    def stand_in(self, name: str, text: str) -> None:
        file = self.path / name
        file.unlink(missing_ok=True)
        file.write_text(f"#!{shutil.which('bash')}\nset -e\n{text}\n")
        file.chmod(0o755)

    def free(self, megabytes: int) -> None:
        """`df` says that so much is free."""
        self.stand_in("df", f"echo Filesystem; echo / 100 100 {megabytes} 10% /")

    def setup(self, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.path / "make", "setup", *more],
            cwd=self.folder,
            env={"PATH": str(self.path), "HOME": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_an_interrupted_installation_left_is_made_anew(checkout: Checkout, folder: str):
    """A full disk left a `uv` that nobody could execute, and every later set-up failed on it."""
    (checkout.folder / f"fail-{folder}").touch()
    assert checkout.setup().returncode != 0
    assert (checkout.folder / folder / "half").exists()
    (checkout.folder / f"fail-{folder}").unlink()
    done = checkout.setup()
    assert done.returncode == 0, done.stderr
    assert not (checkout.folder / folder / "half").exists()
    assert all((checkout.folder / each / ".ready").exists() for each in FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_update_that_was_interrupted_counts_as_no_installation(checkout: Checkout, folder: str):
    assert checkout.setup().returncode == 0
    for name in ("requirements-dev.lock", "local/requirements.lock", "package-lock.json"):
        later = (checkout.folder / folder / ".ready").stat().st_mtime + 100
        os.utime(checkout.folder / name, (later, later))
    (checkout.folder / f"fail-{folder}").touch()
    assert checkout.setup().returncode != 0
    assert not (checkout.folder / folder / ".ready").exists()


def test_a_disk_without_room_is_named_before_anything_is_made(checkout: Checkout):
    checkout.free(640)
    done = checkout.setup()
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert line == (
        f"1200 MB are needed in {checkout.folder}, and 640 are free: make room, or clone to "
        "another disk"
    )
    assert not any((checkout.folder / each).exists() for each in FOLDERS)


def test_a_second_set_up_finds_everything_there(checkout: Checkout):
    assert checkout.setup().returncode == 0
    checkout.free(0)
    done = checkout.setup()
    assert (done.returncode, done.stdout) == (0, "set up already\n"), done.stderr


def test_an_environment_that_is_none_is_refused_before_anything_is_made(checkout: Checkout):
    done = checkout.setup("ENV=prodction")
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "'ENV' should name an environment of config/environments.py, got 'prodction'" in line
    assert not (checkout.folder / ".venv").exists()
    assert checkout.setup("ENV=small").returncode == 0
