"""Pairs the stacks of one assembly with those of another."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from assembly.stack import Stack


@dataclass(frozen=True, kw_only=True)
class StackPair:
    """The two sides of one stack; None where that side lacks it."""

    name: str
    before: Stack | None
    after: Stack | None


def pair(before: Iterable[Stack], after: Iterable[Stack]) -> tuple[StackPair, ...]:
    """Match by stack name; by name, account and Region where one name serves several Regions."""
    sides = (tuple(before), tuple(after))
    counts = [Counter(stack.name for stack in side) for side in sides]
    repeated = {name for count in counts for name, times in count.items() if times > 1}
    old, new = (_by_key(side, repeated) for side in sides)
    return tuple(
        StackPair(name=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
    )


def _by_key(stacks: Iterable[Stack], repeated: set[str]) -> dict[str, Stack]:
    found: dict[str, Stack] = {}
    for stack in stacks:
        where = f" ({stack.account}/{stack.region})" if stack.name in repeated else ""
        key = f"{stack.name}{where}"
        if key in found:
            raise ValueError(
                f"two templates claim the stack '{key}': {found[key].file.name} and "
                f"{stack.file.name}; give the stacks different names"
            )
        found[key] = stack
    return found
