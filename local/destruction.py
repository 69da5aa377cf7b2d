"""Destroys what is deployed here: protections off, stacks away, and what stays is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from local import assembly
from local.cdk import Cdk, CdkError
from local.session import Session
from local.target import Target
from review.retained import STACK_TYPE, Protection, Retained, protections, retained

if TYPE_CHECKING:
    from local.assembly import Assembly


class Clock(Protocol):
    def say(self, words: str) -> None: ...
    def detail(self, words: str) -> None: ...


def destroy(session: Session, clock: Clock, *, dry_run: bool) -> None:
    """Say what will stay; then, unless `dry_run`, switch the protections off and destroy.

    Works from the assembly of the last `make local`. Run again, it goes on where it was cut.
    """
    folder = session.folder / "cdk.out"
    made = assembly.read(folder)
    stays = retained(folder)
    print("\n".join(_listed(stays)))
    if dry_run:
        return
    target = session.target(made.account)
    clock.say("Switching deletion protections off ...")
    for protection in protections(folder):
        _switch_off(protection, target)
    clock.say(f"Destroying {len(made.stacks)} stacks with the CDK CLI ...")
    cdk = Cdk(
        folder=session.folder,
        variables=target.variables(made.regions[0]),
        alive=session.alive(),
    )
    ran = cdk.run(
        "destroy", "--app", str(folder), "--all", "--force", "--concurrency", "6",
        show=clock.detail,
    )  # fmt: skip
    left = _left(made, target)
    if ran.exit_code != 0 or left:
        raise CdkError(
            f"cdk destroy ended with {ran.exit_code}; stacks that are still there: "
            f"{', '.join(left) or 'none'}; every word of it stands in {session.folder / 'cdk.log'}"
        )
    clock.say("Every stack is gone; make local-reset forgets what stays")


def _listed(stays: tuple[Retained, ...]) -> list[str]:
    """By type, as on AWS they would go on costing money."""
    kinds = Counter((one.type, one.leaves) for one in stays)
    lines = [f"{len(stays)} resources stay, because their templates retain them:"]
    for (kind, leaves), count in sorted(kinds.items()):
        note = " (a last snapshot)" if leaves == "snapshot" else ""
        lines.append(f"  {count:>4} {kind}{note}")
    for one in stays:
        lines.append(f"       {one.region:10} {one.path}")
    return lines


def _left(made: Assembly, target: Target) -> list[str]:
    found = []
    for stack in made.stacks:
        cloudformation = target.client("cloudformation", stack.region)
        if _stack_exists(cloudformation, stack.name):
            found.append(stack.name)
    return found


def _stack_exists(cloudformation: Any, name: str) -> bool:
    try:
        stacks = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError:
        return False  # CloudFormation says ValidationError of a stack that is not there
    return any(stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks)


def _switch_off(protection: Protection, target: Target) -> None:
    cloudformation = target.client("cloudformation", protection.region)
    if not _stack_exists(cloudformation, protection.stack):
        return
    if protection.type == STACK_TYPE:
        cloudformation.update_termination_protection(
            StackName=protection.stack, EnableTerminationProtection=False
        )
        return
    switch = _SWITCHES.get(protection.type)
    if switch is None or protection.logical_id is None:
        return  # the emulator does not enforce it
    described = cloudformation.describe_stack_resource(
        StackName=protection.stack, LogicalResourceId=protection.logical_id
    )
    switch(target, protection.region, described["StackResourceDetail"]["PhysicalResourceId"])


def _balancer(target: Target, region: str, arn: str) -> None:
    target.client("elbv2", region).modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
    )


_SWITCHES: Mapping[str, Callable[[Target, str, str], None]] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
}
