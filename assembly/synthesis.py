"""Synthesizes a checkout offline, with its own code, context and pins."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assembly.reader import MANIFEST

# What the CLI adds to the context: without it templates carry no construct paths, and nested
# stacks not the name of their file.
CLI_CONTEXT = {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}

# Lines of a failed synthesis worth repeating: the exception is at the end.
_TAIL = 12


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A running `python app.py`; its output goes to a file, so that no pipe can fill up."""

    title: str
    process: subprocess.Popen[bytes]
    out: Path
    log: Path

    def finish(self, *, tolerate_findings: bool = False) -> str | None:
        """Wait for the end; return a remark if it failed after it had written all templates.

        Raises ValueError where there are none, or where it failed and no findings are tolerated.
        """
        code = self.process.wait()
        # The manifest is written last, before the gates run: with it every template is there.
        written = (self.out / MANIFEST).is_file()
        if code == 0 and written:
            return None
        if written and tolerate_findings:
            remark = f"{self.title.capitalize()} wrote its templates and then failed its own checks"
            return f"{remark}; they are compared all the same."
        tail = " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-_TAIL:])
        raise ValueError(f"synthesizing {self.title} failed (exit {code}): {tail}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start(
    title: str,
    root: Path,
    environment: str,
    out: Path,
    *,
    python: Path = Path(sys.executable),
    variables: Mapping[str, str] | None = None,
) -> Synthesis:
    """Run the app of `root`: its packages win over an editable install of another checkout."""
    log = out.with_suffix(".log")
    sources = (root / "constructs", root / "lambda", root)
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CDK_OUTDIR": str(out),
        "CDK_CONTEXT_JSON": json.dumps(_context(root, environment)),
        **(variables or {}),
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(python), "app.py"], cwd=root, env=environ, stdout=stream, stderr=stream
        )
    return Synthesis(title=title, process=process, out=out, log=log)


def interpreter(root: Path, base: Path, cache: Path) -> Path:
    """Return this interpreter if both checkouts pin the same packages, else one with the base's."""
    pins = _pins(base)
    if not pins or pins == _pins(root):
        return Path(sys.executable)
    digest = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()[:16]
    home = cache / digest
    python = home / "bin" / "python"
    if not (home / "complete").is_file():
        print(f"installing the base's own packages into {home}", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        (home / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(home / "requirements.txt")])
        (home / "complete").touch()
    return python


def _pins(root: Path) -> list[str]:
    """Return a checkout's requirements; the checkout itself (`-e .`) comes by PYTHONPATH."""
    file = root / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    stripped = (line.split(" #")[0].strip() for line in lines)
    return [line for line in stripped if line and not line.startswith(("#", "-e"))]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-4:])
        raise ValueError(f"the base's packages cannot be installed: {tail}")


def _context(root: Path, environment: str) -> dict[str, object]:
    """Return what the CLI would pass: cdk.json's context, cached look-ups, the command line."""
    context: dict[str, object] = dict(CLI_CONTEXT)
    for name, key in (("cdk.json", "context"), ("cdk.context.json", None)):
        file = root / name
        if file.is_file():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{file} should be JSON: {error}") from None
            context |= found.get(key, {}) if key else found
    return {**context, "environment": environment}
