"""A copy of what `python app.py` needs, to be edited and started like a clone of the repository."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
_PARTS = (
    "config",
    "stacks",
    "constructs",
    "lambda",
    "service",
    "dumps",
    "cli",
    "app.py",
    "cdk.json",
)
# A person's shell has neither the switch of tests/conftest.py nor its stand-ins for credentials;
# and the CDK prints no findings when it sees that pytest started it.
_LEFT_OUT = ("CDK_VALIDATION", "PYTEST_", "AWS_ACCESS", "AWS_SECRET", "AWS_SESSION")


@dataclass(frozen=True)
class Started:
    """How a start ended: its exit code and everything that it printed."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Clone:
    """A copy of the repository; its own packages win over the installed ones."""

    folder: Path

    @property
    def assembly(self) -> Path:
        return self.folder / "cdk.out"

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def start(self, *, environment: str = "dev", **variables: str) -> Started:
        """Run `python app.py`, as a person would."""
        context = json.dumps({"environment": environment})
        return self._run(
            [sys.executable, "app.py"],
            {"CDK_CONTEXT_JSON": context, "CDK_OUTDIR": str(self.assembly), **variables},
        )

    def cdk(self, *arguments: str, app: str | None = None) -> Started:
        """Run the CDK CLI without credentials and with every AWS endpoint out of reach."""
        app = app or f"{shlex.quote(sys.executable)} app.py"
        command = [str(CDK), "--no-notices", "--app", app, "-c", "environment=dev", *arguments]
        return self._run(command, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})

    def _run(self, command: list[str], variables: Mapping[str, str]) -> Started:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        paths = os.pathsep.join(str(self.folder / name) for name in ("constructs", "lambda"))
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "CDK_DISABLE_CLI_TELEMETRY": "true", "PYTHONPATH": paths, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return Started(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def clone_of_repository(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Clone]:
    """Makes a fresh copy each time it is called."""

    def clone() -> Clone:
        folder = tmp_path_factory.mktemp("clone")
        for part in _PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy(source, folder / part)
        return Clone(folder)

    return clone
