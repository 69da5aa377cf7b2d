"""An environment's stacks in waves, and the CDK CLI driven over them, up and down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from assembly.cdk_cli import CdkCli, CliRun
from assembly.reader import Assembly
from assembly.stack import Stack
from config.model import Environment

ZONE_STACK = "Dns"


@dataclass(frozen=True, kw_only=True)
class Wave:
    """The stacks of one run of the CLI, in order; those drawn in of other Regions included."""

    title: str
    stacks: tuple[Stack, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(stack.path for stack in self.stacks)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Deploys an assembly's waves, or destroys them, until `before` or `after` stops it.

    `before` is called with "Wave 1 of 3" and the wave, and returns whether to go on with it;
    `after` with the CLI's run too, and returns whether to go on behind it.
    """

    assembly: Assembly
    waves: Sequence[Wave]
    cli: CdkCli
    before: Callable[[str, Wave], bool]
    after: Callable[[str, Wave, CliRun], bool]

    def deploy(self) -> bool:
        """Deploy wave after wave; return whether all of them were."""
        return self._drive(self.cli.deploy)

    def destroy(self) -> bool:
        """Destroy wave after wave, which go backwards; return whether all of them were."""
        return self._drive(self.cli.destroy)

    def _drive(self, run: Callable[[Sequence[str]], CliRun]) -> bool:
        for number, wave in enumerate(self.waves, start=1):
            title = f"Wave {number} of {len(self.waves)}"
            if not self.before(title, wave):
                return False
            self.assembly.refuse_another_synth()
            if not self.after(title, wave, run(wave.paths)):
                return False
        return True


def wave_patterns(environment: Environment) -> tuple[str, ...]:
    """Return what the waves are named by: the zone, the standby Region, then the primary."""
    return (ZONE_STACK, *(f"{region.name}/*" for region in reversed(environment.regions)))


def plan_waves(stacks: Iterable[Stack], patterns: Sequence[str]) -> tuple[Wave, ...]:
    """Return one wave per pattern that has stacks, and a last one of what no pattern names.

    A wave draws in what its stacks depend on, unless an earlier wave has it.
    """
    by_name = {stack.name: stack for stack in stacks}
    unnamed = [one.path for one in by_name.values() if not _matches(one, patterns)]
    placed: set[str] = set()

    def place(stack: Stack) -> Iterator[Stack]:
        if stack.name not in placed:
            placed.add(stack.name)
            for name in stack.dependencies:
                yield from place(by_name[name])
            yield stack

    waves = []
    for names in (*((pattern,) for pattern in patterns), tuple(unnamed)):
        wanted = [stack for stack in by_name.values() if _matches(stack, names)]
        if found := [one for stack in wanted for one in place(stack)]:
            waves.append(Wave(title=", ".join(names), stacks=tuple(found)))
    return tuple(waves)


def backwards(waves: Sequence[Wave], paths: Collection[str]) -> tuple[Wave, ...]:
    """Return the way down of the stacks of `paths`: the last wave, and in it the last stack, first.

    A stack leaves in the wave in which it came, so nothing that stands depends on one that left.
    """
    leaving = [[one for one in wave.stacks[::-1] if one.path in paths] for wave in reversed(waves)]
    return tuple(
        Wave(title=", ".join(stack.path for stack in stacks), stacks=tuple(stacks))
        for stacks in leaving
        if stacks
    )


def _matches(stack: Stack, names: Iterable[str]) -> bool:
    return any(fnmatchcase(stack.path, name) for name in names)
