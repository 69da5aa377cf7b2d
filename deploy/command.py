"""Begins every command of this room: the environment, its assembly, and what ends it early."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

from assembly.command import answer
from assembly.reader import Assembly, read
from assembly.waves import Wave, plan_waves, wave_patterns
from config.model import Environment
from config.reader import environment_named
from deploy.clients import AWS_ERRORS, meaning


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """An environment and a synth of it."""

    environment: Environment
    assembly: Assembly

    @property
    def waves(self) -> tuple[Wave, ...]:
        return plan_waves(self.assembly.stacks.values(), wave_patterns(self.environment))


def chosen(arguments: argparse.Namespace) -> Chosen:
    """Return the choice. Raises ValueError where the name, the file or the assembly is wrong."""
    environment = environment_named(arguments.environment)
    assembly = read(arguments.assembly.resolve())
    assembly.refuse_other(environment.name, environment.account)
    return Chosen(environment=environment, assembly=assembly)


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
