"""A copy of the repository that is edited and worked in as a person's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.target import LocalTarget

ROOT = Path(__file__).parents[2]
_COPIED = (
    *("config", "stacks", "constructs", "lambda", "service", "dumps", "cli"),
    *("local", "assembly", "deploy", "review"),
)
_FILES = ("app.py", "cdk.json", "pyproject.toml")
_SHARED = (".venv", ".venv-emulator", "node_modules")

# A command that does not end by then never will; its own bounds are shorter.
_SECONDS = 1_200


@dataclass(frozen=True)
class Ran:
    exit_code: int
    output: str


@dataclass(frozen=True)
class Clone:
    """Its own code wins over the installed; packages are those of the repository."""

    folder: Path
    port: int

    @property
    def local(self) -> Path:
        return self.folder / "out" / "local"

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def command(self, command: str, *options: str) -> list[str]:
        python = str(self.folder / ".venv" / "bin" / "python")
        return [python, "-m", "local", command, "--port", str(self.port), *options]

    def variables(self) -> dict[str, str]:
        """A person's shell; the CDK prints no findings where it sees pytest."""
        left_out = ("PYTEST_", "AWS_", "CDK_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        paths = [str(self.folder / name) for name in ("", "constructs", "lambda")]
        return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}

    def run(self, command: str, *options: str) -> Ran:
        """Run `make local...` as a person would; its output is shown as it goes."""
        return self._run(self.command(command, *options), self.variables())

    def upgrade(self, *arguments: str) -> Ran:
        """Run `mainstay upgrade` as a person would who works with what is deployed."""
        return self._ask("upgrade", *arguments)

    def mode(self, *arguments: str) -> Ran:
        """Run `mainstay mode` as that person would."""
        return self._ask("mode", *arguments)

    def _ask(self, *arguments: str) -> Ran:
        target = LocalTarget(
            endpoint=f"http://127.0.0.1:{self.port}", account="111122223333", folder=self.local
        )
        python = str(self.folder / ".venv" / "bin" / "python")
        command = [python, "-m", "cli.main", *arguments, "--environment", "production"]
        return self._run(command, self.variables() | target.variables("us-east-1"))

    def _run(self, command: list[str], variables: dict[str, str]) -> Ran:
        child = subprocess.Popen(
            command,
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            sys.stdout.write(line)
        return Ran(child.wait(_SECONDS), "".join(lines))


def make(folder: Path, port: int) -> Clone:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    for name in _SHARED:
        (folder / name).symlink_to(ROOT / name)
    return Clone(folder, port)


def naming(folder: Path) -> list[int]:
    """Living processes whose command line names the folder: found without any mark of ours."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line:
                found.append(int(entry.name))
    return found
