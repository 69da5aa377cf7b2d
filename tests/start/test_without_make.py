"""`pip install -r requirements.txt`, `npm ci` and `npx cdk synth` work without make and uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_documents import files

ROOT = Path(__file__).parents[2]
# Commands that no clone brings: a shell's own, and what git and npm call.
_TOOLS = ("sh", "bash", "env", "node", "npm", "npx", "git", "uname", "sed", "cat", "ls")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    for file in files():
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return folder


def test_synthesizes_dev_with_pip_and_npm_alone(clone: Path, tmp_path: Path):
    """It costs a minute of CPU, of which pip takes half: -s prints the figures."""
    python = tmp_path / "environment" / "bin"
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in _TOOLS:
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PATH": f"{python}{os.pathsep}{tools}",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "PIP_NO_COMPILE": "1",  # of the CDK's 100 MB of Python a synth imports a tenth
    }
    variables.pop("CDK_VALIDATION", None)

    def run(*command: str) -> None:
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=clone, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        print(f"{time.monotonic() - began:5.1f} s  {' '.join(command)}")

    run(sys.executable, "-m", "venv", str(python.parent))
    run(f"{python}/pip", "install", "-qq", "-r", "requirements.txt")
    run("npm", "ci", "--silent", "--no-audit", "--no-fund")
    run("npx", "--no-install", "cdk", "synth", "--quiet", "-c", "environment=dev")
    assert (clone / "cdk.out" / "manifest.json").is_file()
