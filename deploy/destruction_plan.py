"""What a destroy meets, in which order it takes it, and what it leaves: the dry run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config.model import Environment
from deploy.clients import Clients
from deploy.held import held
from deploy.plan import Wave, backwards
from deploy.standing import Standing, standing
from deploy.switches import Switch, switches
from review.assembly import Stack
from review.retained import Retained, retained_of

BESIDE = (
    "Beside the stacks stay what others made: the CDK's bootstrap with its published assets, "
    "log groups of functions, snapshots and recovery points."
)


@dataclass(frozen=True, kw_only=True)
class DestructionPlan:
    """By the templates that were deployed, whatever the files say by now."""

    waves: tuple[Wave, ...]  # without what is held
    stays: tuple[tuple[Retained, str], ...]  # with the physical id
    held: dict[str, str]  # stacks, by path, and why
    switches: tuple[Switch, ...]
    signs: bool  # a zone among them is signed

    @property
    def is_empty(self) -> bool:
        return not self.waves and not self.held


def destruction_plan(
    clients: Clients, stacks: Sequence[Stack], waves: Sequence[Wave]
) -> DestructionPlan:
    """Of those of the assembly's stacks that stand; `waves` are those of its deploy."""
    found = standing(clients, stacks)
    stay = held([one.stack for one in found])
    leaving = [one for one in found if one.stack.path not in stay]
    return DestructionPlan(
        waves=tuple(_only({one.stack.path for one in leaving}, backwards(waves))),
        stays=tuple(_stays(leaving)),
        held=stay,
        switches=switches(clients, leaving),
        signs=any(True for one in leaving for _ in one.stack.of_type("AWS::Route53::DNSSEC")),
    )


def page(environment: Environment, plan: DestructionPlan) -> Iterator[str]:
    """For people: the order, what stays, and what must be switched off."""
    yield f"Destroying {environment.name} in account {environment.account}, in this order:"
    for wave in plan.waves:
        yield f"  {', '.join(wave.names)}"
    yield from remaining(plan)
    if plan.switches:
        yield "What must be switched off first:"
    for switch in plan.switches:
        yield f"- {switch.what}"
        yield f"    {switch.command}"


def remaining(plan: DestructionPlan) -> Iterator[str]:
    """What is there when all is done."""
    yield "What stays, because it is retained:" if plan.stays else "Nothing is retained."
    for found, physical_id in plan.stays:
        last = "a last snapshot of " if found.leaves == "snapshot" else ""
        yield f"  {found.region}  {last}{found.type}  {physical_id}  ({found.path})"
    if plan.held:
        yield "Stacks that stay until that is gone (delete it, then start again):"
    for path, why in plan.held.items():
        yield f"  {path}: {why}"
    yield BESIDE


def _only(paths: set[str], waves: Sequence[Wave]) -> Iterator[Wave]:
    for wave in waves:
        names = tuple(name for name in wave.names if name in paths)
        if names:
            yield Wave(names=names, stacks=tuple(s for s in wave.stacks if s.path in paths))


def _stays(leaving: Sequence[Standing]) -> Iterator[tuple[Retained, str]]:
    """What was made and outlives its stack."""
    by_name = {one.stack.name: one for one in leaving}
    for found in retained_of(one.template for one in leaving):
        physical_id = by_name[found.stack].physical_id(found.logical_id)
        if physical_id is not None:
            yield found, physical_id
