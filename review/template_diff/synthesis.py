"""Synthesizes one side of the diff offline, each with its own code, context and pins."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from review.template_diff.assemblies import Stack, TemplateDiffError, read_assembly

# What the CLI adds to the context: without it templates carry no construct paths, and nested
# stacks not the name of their file.
CLI_CONTEXT = {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}

# Lines of a failed synthesis worth repeating: the exception is at the end.
_TAIL = 12


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A running `python app.py`; its output goes to a file, so that no pipe can fill up."""

    side: str
    process: subprocess.Popen[bytes]
    out: Path
    log: Path

    def finish(self, *, tolerate_findings: bool) -> tuple[tuple[Stack, ...], str | None]:
        """The stacks, and a remark if synthesis failed after it had written all of them."""
        code = self.process.wait()
        # The manifest is written last, before the gates run: with it every template is there.
        written = (self.out / "manifest.json").is_file()
        if code == 0 and written:
            return read_assembly(self.out), None
        tail = " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-_TAIL:])
        if code and written and tolerate_findings:
            remark = f"The {self.side} side wrote its templates and then failed its own checks"
            return read_assembly(self.out), f"{remark}; they are compared all the same."
        raise TemplateDiffError(f"synthesizing the {self.side} side failed (exit {code}): {tail}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start(side: str, root: Path, environment: str, python: Path, scratch: Path) -> Synthesis:
    """Run the app of `root`: its packages win over an editable install of another checkout."""
    out, log = scratch / f"{side}.out", scratch / f"{side}.log"
    sources = (root / "constructs", root / "lambda", root)
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CDK_OUTDIR": str(out),
        "CDK_CONTEXT_JSON": json.dumps(_context(root, environment)),
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(python), "app.py"], cwd=root, env=variables, stdout=stream, stderr=stream
        )
    return Synthesis(side=side, process=process, out=out, log=log)


def interpreter(root: Path, base: Path, cache: Path) -> Path:
    """This interpreter if both sides pin the same packages, else one with the base's pins."""
    pins = _pins(base)
    if not pins or pins == _pins(root):
        return Path(sys.executable)
    digest = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()[:16]
    home = cache / digest
    python = home / "bin" / "python"
    if not (home / "complete").is_file():
        tell(f"the base pins other packages: installing them into {home} from the registry")
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        (home / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(home / "requirements.txt")])
        (home / "complete").touch()
    return python


def tell(message: str) -> None:
    """Progress, apart from the report."""
    print(f"template diff: {message}", file=sys.stderr, flush=True)


def _pins(root: Path) -> list[str]:
    """The requirements of a checkout; the checkout itself (`-e .`) comes by PYTHONPATH instead."""
    file = root / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    stripped = (line.split(" #")[0].strip() for line in lines)
    return [line for line in stripped if line and not line.startswith(("#", "-e"))]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-4:])
        raise TemplateDiffError(f"the base's packages cannot be installed: {tail}")


def _context(root: Path, environment: str) -> dict[str, object]:
    """What the CLI would pass: cdk.json's context, the cached look-ups, then the command line."""
    context: dict[str, object] = dict(CLI_CONTEXT)
    for name, key in (("cdk.json", "context"), ("cdk.context.json", None)):
        file = root / name
        if file.is_file():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise TemplateDiffError(f"{file} should be JSON: {error}") from None
            context |= found.get(key, {}) if key else found
    return {**context, "environment": environment}
