"""What every command of this room begins with: the environment and its assembly."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.model import Environment
from deploy.clients import AWS_ERRORS, meaning
from deploy.plan import Wave, digest, refuse_strangers, waves_of
from review import assembly as assemblies
from review.assembly import Assembly
from review.chosen_environment import answer, choose
from review.deploy_plan import waves


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """An environment and a synth of it."""

    environment: Environment
    directory: Path
    assembly: Assembly
    digest: str

    @property
    def waves(self) -> tuple[Wave, ...]:
        return waves_of(self.assembly.stacks, waves(self.environment))

    def refuse_another_synth(self) -> None:
        """Raise ValueError where the directory no longer holds what was read and checked."""
        if digest(self.directory) != self.digest:
            raise ValueError(
                f"'{self.directory}' was synthesized again meanwhile: start again, and what was "
                "deployed stays as it is"
            )


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Of `python -m deploy.<name> --environment NAME [assembly]`."""
    made = argparse.ArgumentParser(prog=f"deploy.{name}", description=description)
    made.add_argument("--environment", default="production", metavar="NAME")
    made.add_argument("assembly", type=Path, nargs="?", default=Path("cdk.out"))
    return made


def chosen(arguments: argparse.Namespace) -> Chosen:
    """Raises ValueError where the name, the file or the assembly is wrong."""
    environment = choose(arguments.environment)
    directory = arguments.assembly.resolve()
    read = assemblies.read(directory)
    refuse_strangers(read, environment.name, environment.account)
    return Chosen(
        environment=environment, directory=directory, assembly=read, digest=digest(directory)
    )


def run_stoppable(main: Callable[[], int], prefix: str) -> int:
    """Run a command; what ends it early is one message and an exit code, and never a traceback."""
    try:
        return answer(main, prefix)
    except AWS_ERRORS as error:
        print(f"{prefix}: {meaning(error)}; nothing more was touched", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\n{prefix}: stopped. CloudFormation goes on with the stacks that it has begun; "
            "start again when they have ended.",
            file=sys.stderr,
        )
        return 130
