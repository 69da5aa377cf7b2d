"""The CDK CLI, unmodified, on an assembly that was synthesized before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLI = ROOT / "node_modules" / ".bin" / "cdk"
CONCURRENCY = 4  # stacks at a time; more meet CloudFormation's own limits of calls


@dataclass(frozen=True, kw_only=True)
class CdkCli:
    """Runs of the CLI in the person's own terminal; AWS_ENDPOINT_URL points it elsewhere.

    `variables` is the whole environment of the process.
    """

    assembly: Path
    variables: Mapping[str, str]
    cli: Path = CLI

    def deploy(self, names: Sequence[str]) -> int:
        """Deploy these stacks and what they depend on, and return the exit code."""
        options = ("--require-approval", "never", "--progress", "events")
        return self._run("deploy", *names, *options, "--concurrency", str(CONCURRENCY))

    def diff(self, names: Sequence[str]) -> int:
        """Show what a deploy of these stacks alone would change."""
        return self._run("diff", *names, "--exclusively")

    def destroy(self, names: Sequence[str]) -> int:
        """Destroy these stacks alone, dependents first, and return the exit code."""
        concurrency = ("--concurrency", str(CONCURRENCY))
        return self._run("destroy", *names, "--exclusively", "--force", *concurrency)

    def _run(self, *arguments: str) -> int:
        sys.stdout.flush()
        command = [str(self.cli), "--no-notices", "--app", str(self.assembly), *arguments]
        try:
            return subprocess.run(
                command, cwd=ROOT, env=dict(self.variables), check=False
            ).returncode
        except FileNotFoundError:
            raise ValueError(f"'{self.cli}' is not there: run `make setup`") from None


def variables(shell: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The shell's own, quiet where the CLI speaks of itself."""
    return {
        **shell,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
