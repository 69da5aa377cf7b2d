"""The CDK CLI, unmodified, pointed at an endpoint; watched, bounded and shown as it goes."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import process

ROOT = Path(__file__).parents[1]
CLI = ROOT / "node_modules" / ".bin" / "cdk"

# No run of the CLI takes longer: production deploys in about a minute on two cores.
LONGEST_SECONDS = 900

# What a person follows: one line per stack that begins, ends, or has nothing to do; and what fails.
_SHOWN = re.compile(
    r"^(?!.*Synthesis time)(?: ?✅|.*❌|.*: destroying|.*\(no changes\)|.*[Ee]rror[ :]|"
    r".*FAILED|.*Unrecognized|Stack (?!ARN)|.*Bootstrapping)"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class CdkError(RuntimeError):
    """A run of the CLI failed, or what it talks to went away."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    exit_code: int
    said: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Cdk:
    """Runs of the CLI for one folder, whose cdk.log keeps every word of it.

    `alive` is asked twice a second; a run ends at once when what it talks to is gone, because the
    CLI alone would retry for minutes.
    """

    folder: Path
    variables: Mapping[str, str]
    alive: Callable[[], bool]
    cwd: Path = ROOT

    def run(self, *arguments: str, show: Callable[[str], None] | None = print) -> Ran:
        """Run the CLI to its end. Raises CdkError when the endpoint goes or the time is up."""
        start = time.monotonic()
        child = subprocess.Popen(
            [str(CLI), "--no-notices", "--no-color", *arguments],
            cwd=self.cwd,
            env={**self._shell(), **self.variables, process.MARK: str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        reason: list[str] = []
        watch = threading.Thread(target=self._watch, args=(child, reason), daemon=True)
        watch.start()
        try:
            said = self._follow(child, arguments, show)
        finally:
            if child.poll() is None:
                process.end([child.pid])
            watch.join(5)
        if reason:
            raise CdkError(f"cdk {arguments[0]} was ended: {reason[0]}")
        return Ran(exit_code=child.wait(), said=said, seconds=time.monotonic() - start)

    def _follow(
        self,
        child: subprocess.Popen[str],
        arguments: Sequence[str],
        show: Callable[[str], None] | None,
    ) -> str:
        assert child.stdout is not None
        said = []
        with (self.folder / "cdk.log").open("a") as log:
            print(f"\n$ cdk {' '.join(arguments)}", file=log, flush=True)
            for line in child.stdout:
                line = _ANSI.sub("", line)
                said.append(line)
                log.write(line)
                log.flush()
                if show is not None and _SHOWN.match(line):
                    show(line.rstrip())
        child.wait()
        return "".join(said)

    def _watch(self, child: subprocess.Popen[str], reason: list[str]) -> None:
        limit = time.monotonic() + LONGEST_SECONDS
        while child.poll() is None:
            if not self.alive():
                reason.append("what it deploys to has gone")
            elif time.monotonic() > limit:
                reason.append(f"it took longer than {LONGEST_SECONDS} s")
            if reason:
                process.end([child.pid], grace=2)
                return
            time.sleep(0.5)

    def _shell(self) -> dict[str, str]:
        """The caller's shell without what could point the CLI elsewhere."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "CDK_", "PYTEST_", "MAKE", "MFLAGS"))
        }
        return {
            **kept,
            "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        }
