"""An environment's assembly as waves: what one start of the CLI deploys, and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from review.assembly import Assembly, Stack, deploy_order


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Stacks in the order in which they come up; those drawn in of other waves among them."""

    names: tuple[str, ...]  # as the CLI takes them: patterns or paths
    stacks: tuple[Stack, ...]

    @property
    def title(self) -> str:
        return ", ".join(self.names)


def waves_of(stacks: Iterable[Stack], patterns: Iterable[str]) -> tuple[Wave, ...]:
    """One wave per pattern that has stacks, and a last one with whatever no pattern names."""
    read = tuple(stacks)
    names: list[tuple[str, ...]] = [(pattern,) for pattern in patterns]
    unnamed = [s.path for s in read if not any(fnmatchcase(s.path, name) for (name, *_) in names)]
    names.append(tuple(unnamed))
    waves, placed = [], set[str]()
    for group in names:
        wanted = [s for s in read if any(fnmatchcase(s.path, name) for name in group)]
        drawn = _with_dependencies(wanted, read)
        new = [stack for stack in deploy_order(drawn, group) if stack.path not in placed]
        if new:
            waves.append(Wave(names=group, stacks=tuple(new)))
            placed |= {stack.path for stack in new}
    return tuple(waves)


def backwards(waves: Sequence[Wave]) -> tuple[Wave, ...]:
    """The way down: the last wave first, and in it the last stack first, by its own path.

    A stack leaves in the wave in which it came, so nothing that stands depends on one that left.
    """
    return tuple(
        Wave(names=tuple(stack.path for stack in reversed(wave.stacks)), stacks=wave.stacks[::-1])
        for wave in reversed(waves)
    )


def digest(directory: Path) -> str:
    """Changes whenever the directory holds another synth: the manifest names every template."""
    return hashlib.sha256((directory / "manifest.json").read_bytes()).hexdigest()


def refuse_strangers(assembly: Assembly, environment: str, account: str) -> None:
    """Raise ValueError where the assembly is not of this environment and account."""
    for stack in assembly.stacks:
        of_account = stack.account == account
        if not of_account or not stack.name.startswith(f"mainstay-{environment}-"):
            raise ValueError(
                f"the assembly should be of '{environment}' and account {account}, it holds "
                f"{stack.name} of {stack.account}: `make synth ENV={environment}`"
            )


def _with_dependencies(wanted: Iterable[Stack], stacks: Iterable[Stack]) -> tuple[Stack, ...]:
    """In the order of the assembly."""
    by_path = {stack.path: stack for stack in stacks}
    drawn, waiting = set[str](), [stack.path for stack in wanted]
    while waiting:
        path = waiting.pop()
        if path not in drawn:
            drawn.add(path)
            waiting += by_path[path].depends_on
    return tuple(stack for path, stack in by_path.items() if path in drawn)
