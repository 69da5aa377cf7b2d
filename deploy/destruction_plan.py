"""Plans a destroy, which is its dry run: what stands, the order, and what stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assembly.held import held
from assembly.retained import Retained, retained
from assembly.stack import Stack
from assembly.waves import Wave, backwards
from config.model import Environment
from deploy.clients import AwsClients
from deploy.standing import StandingStack, standing
from deploy.switches import Switch, switches

BESIDE = (
    "Beside the stacks stay what others made: the CDK's bootstrap with its published assets, "
    "log groups of functions, snapshots and recovery points."
)


@dataclass(frozen=True, kw_only=True)
class DestructionPlan:
    """The plan by the templates that were deployed, whatever is in the files by now."""

    waves: tuple[Wave, ...]  # without what is held
    stays: tuple[tuple[Retained, str], ...]  # with the physical id
    held: dict[str, str]  # stacks, by path, and why
    switches: tuple[Switch, ...]
    signs: bool  # a zone among them is signed

    @property
    def is_empty(self) -> bool:
        return not self.waves and not self.held


def destruction_plan(
    clients: AwsClients, stacks: Iterable[Stack], waves: Sequence[Wave]
) -> DestructionPlan:
    """Plan for those of the assembly's stacks that stand; `waves` are those of its deploy."""
    found = standing(clients, stacks)
    stay = held([one.stack for one in found])
    leaving = [one for one in found if one.stack.path not in stay]
    return DestructionPlan(
        waves=backwards(waves, {one.stack.path for one in leaving}),
        stays=tuple(_stays(leaving)),
        held=stay,
        switches=tuple(switches(clients, leaving)),
        signs=any(one.stack.of_type("AWS::Route53::DNSSEC") for one in leaving),
    )


def page(environment: Environment, plan: DestructionPlan) -> Iterator[str]:
    """Yield the lines for people: the order, what stays, and what must be switched off."""
    yield f"Destroying {environment.name} in account {environment.account}, in this order:"
    for wave in plan.waves:
        yield f"  {wave.title}"
    yield from remaining(plan)
    if plan.switches:
        yield "What must be switched off first:"
    for switch in plan.switches:
        yield f"- {switch.what}"
        yield f"    {switch.command}"


def remaining(plan: DestructionPlan) -> Iterator[str]:
    """Yield the lines on what is there when all is done."""
    yield "What stays, because it is retained:" if plan.stays else "Nothing is retained."
    for found, physical_id in plan.stays:
        last = "a last snapshot of " if found.leaves == "snapshot" else ""
        yield f"  {found.region}  {last}{found.type}  {physical_id}  ({found.path})"
    if plan.held:
        yield "Stacks that stay until that is gone (delete it, then start again):"
    for path, why in plan.held.items():
        yield f"  {path}: {why}"
    yield BESIDE


def _stays(leaving: Sequence[StandingStack]) -> Iterator[tuple[Retained, str]]:
    """Yield what was made and outlives its stack."""
    by_name = {one.stack.name: one for one in leaving}
    for found in retained(one.stack for one in leaving):
        own = by_name.get(found.stack)  # None for a nested stack's
        physical_id = own.physical_id(found.logical_id) if own else "in a nested stack"
        if physical_id is not None:
            yield found, physical_id
