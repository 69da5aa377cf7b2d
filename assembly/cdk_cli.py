"""The CDK CLI, unmodified."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLI = ROOT / "node_modules" / ".bin" / "cdk"
CONCURRENCY = 4  # stacks at a time; more meet CloudFormation's own limits of calls

# What keeps the CLI from speaking of itself.
_QUIET = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
}


@dataclass(frozen=True, kw_only=True)
class CliRun:
    """A run of the CLI that has ended."""

    exit_code: int
    output: str = ""  # empty where a terminal has it


@dataclass(frozen=True, kw_only=True)
class CdkCli:
    """Runs of the CLI, by default in the person's own terminal.

    `variables` is the environment of the process: credentials, and AWS_ENDPOINT_URL where
    something else stands for AWS.
    """

    assembly: Path
    variables: Mapping[str, str]
    executable: Path = CLI

    def deploy(self, paths: Sequence[str]) -> CliRun:
        """Deploy these stacks alone, what they depend on first."""
        options = ("--exclusively", "--require-approval", "never", "--progress", "events")
        return self._on_assembly("deploy", *paths, *options, "--concurrency", str(CONCURRENCY))

    def diff(self, paths: Sequence[str]) -> CliRun:
        """Show what a deploy of these stacks alone would change."""
        return self._on_assembly("diff", *paths, "--exclusively")

    def destroy(self, paths: Sequence[str]) -> CliRun:
        """Destroy these stacks alone, dependents first."""
        options = ("--exclusively", "--force", "--concurrency", str(CONCURRENCY))
        return self._on_assembly("destroy", *paths, *options)

    def bootstrap(self, places: Sequence[str]) -> CliRun:
        """Bootstrap these, such as aws://<account>/<Region>."""
        return self._on_assembly("bootstrap", *places)

    def synth(self, context: Mapping[str, str]) -> CliRun:
        """Synthesize the app into the assembly's directory."""
        settings = (word for pair in context.items() for word in ("-c", "=".join(pair)))
        return self.run("synth", "--quiet", "--output", str(self.assembly), *settings)

    def run(self, *arguments: str) -> CliRun:
        """Run the CLI to its end. Raises ValueError where it is not installed."""
        sys.stdout.flush()
        try:
            done = subprocess.run(
                self.command(*arguments), cwd=ROOT, env=self.environment, check=False
            )
        except FileNotFoundError:
            raise ValueError(f"'{self.executable}' is not there: run `make setup`") from None
        return CliRun(exit_code=done.returncode)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.variables, **_QUIET}

    def command(self, *arguments: str) -> list[str]:
        return [str(self.executable), "--no-notices", *arguments]

    def _on_assembly(self, *arguments: str) -> CliRun:
        return self.run(*arguments, "--app", str(self.assembly))
