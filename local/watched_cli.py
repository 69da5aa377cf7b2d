"""The CDK CLI pointed at an endpoint; watched, bounded and shown as it goes."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assembly.cdk_cli import ROOT, CdkCli, CliRun
from local import process
from local.waiting import NotInTimeError, wait_until

# No run of the CLI takes longer: production deploys in about a minute on two cores.
LONGEST_SECONDS = 900

# Lines that a person follows: a stack that begins, ends, or has nothing to do; and what fails.
_SHOWN = re.compile(
    r"^(?!.*Synthesis time)(?: ?✅|.*❌|.*: destroying|.*\(no changes\)|.*[Ee]rror[ :]|"
    r".*FAILED|.*Unrecognized|Stack (?!ARN)|.*Bootstrapping)"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class CdkError(RuntimeError):
    """A run of the CLI failed, or what it talks to went away."""


@dataclass(frozen=True, kw_only=True)
class WatchedCli(CdkCli):
    """Runs of the CLI for one folder, whose cdk.log keeps its whole output.

    `alive` is asked twice a second; a run ends at once when what it talks to is gone, because the
    CLI alone would retry for minutes. `show` gets the lines that a person follows.
    """

    folder: Path
    alive: Callable[[], bool] = lambda: True
    show: Callable[[str], None] = lambda _: None

    def run(self, *arguments: str) -> CliRun:
        """Run the CLI to its end. Raises CdkError when the endpoint goes or the time is up."""
        child = subprocess.Popen(
            self.command("--no-color", *arguments),
            cwd=ROOT,
            env={**_shell(), **self.environment, process.MARK: str(self.folder)},
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
            output = self._follow(child, arguments)
        finally:
            if child.poll() is None:
                process.end([child.pid])
            watch.join(5)
        if reason:
            raise CdkError(f"cdk {arguments[0]} was ended: {reason[0]}")
        return CliRun(exit_code=child.wait(), output=output)

    def _follow(self, child: subprocess.Popen[str], arguments: Sequence[str]) -> str:
        assert child.stdout is not None
        lines = []
        with (self.folder / "cdk.log").open("a") as log:
            print(f"\n$ cdk {' '.join(arguments)}", file=log, flush=True)
            for line in child.stdout:
                line = _ANSI.sub("", line)
                lines.append(line)
                log.write(line)
                log.flush()
                if _SHOWN.match(line):
                    self.show(line.rstrip())
        child.wait()
        return "".join(lines)

    def _watch(self, child: subprocess.Popen[str], reason: list[str]) -> None:
        def over() -> bool:
            return child.poll() is not None or not self.alive()

        try:
            wait_until(over, "the end of the CLI", seconds=LONGEST_SECONDS, pause=0.5)
            if child.poll() is None:
                reason.append("what it deploys to has gone")
        except NotInTimeError as error:
            reason.append(str(error))
        if reason:
            process.end([child.pid], grace=2)


def _shell(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the caller's shell without what could point the CLI elsewhere."""
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith(("AWS_", "CDK_", "PYTEST_", "MAKE", "MFLAGS"))
    }
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
    return {**kept, "PATH": path}
