"""An assembly summed up, as figures: what it is, what it costs, and what to do next."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from assembly.reader import Assembly
from assembly.waves import plan_waves, wave_patterns
from config.model import Environment
from review.cost.estimate import CostEstimate, estimate
from review.cost.prices import PriceList
from review.deploy_plan import OperatorStep, placeholders, steps
from review.summary import tiers


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackRow:
    """A stack's place in the order of the deploys."""

    order: int
    region: str
    path: str
    resources: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TierTasks:
    """The tasks of a tier in a Region: each of its services has the same bounds."""

    region: str
    tier: str
    services: int
    floor: int  # of all its services
    ceiling: int
    vcpu: float
    memory_gb: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateFindings:
    """The findings of the gates, acknowledged and not."""

    acknowledged: dict[str, int]  # by rule pack
    unacknowledged: int | None  # None where no gate ran


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """All that is printed, as figures."""

    environment: str
    domain: str
    stacks: tuple[StackRow, ...]
    zones: dict[str, dict[str, tuple[str, ...]]]  # by Region and tier
    tasks: tuple[TierTasks, ...]
    resources: dict[str, int]  # by type, most first
    findings: GateFindings
    cost: CostEstimate
    prices_from: str
    placeholders: tuple[str, ...]  # what is not yet the owner's
    next: tuple[OperatorStep, ...]


def sum_up(found: Assembly, environment: Environment, price_list: PriceList) -> Summary:
    """Return the summary. Raises ValueError where the assembly is another environment's."""
    found.refuse_other(environment.name, environment.account)
    waves = plan_waves(found.stacks.values(), wave_patterns(environment))
    ordered = [stack for wave in waves for stack in wave.stacks]
    kinds = Counter(item["Type"] for stack in ordered for item in stack.resources.values())
    return Summary(
        environment=environment.name,
        domain=environment.domain,
        stacks=tuple(
            StackRow(
                order=order, region=stack.region, path=stack.path, resources=len(stack.resources)
            )
            for order, stack in enumerate(ordered, start=1)
        ),
        zones=tiers.zones(found.stacks.values()),
        tasks=tuple(_tasks(found)),
        resources=dict(kinds.most_common()),
        findings=GateFindings(
            acknowledged=dict(Counter(map(_pack, found.acknowledged)).most_common()),
            unacknowledged=found.unacknowledged,
        ),
        cost=estimate(found, environment, price_list),
        prices_from=price_list.oldest.isoformat(),
        placeholders=placeholders(environment),
        next=steps(environment),
    )


def plain(summary: Summary) -> dict[str, Any]:
    """Return plain values, with the sums that are otherwise computed while printing."""
    values = dataclasses.asdict(summary)
    cost = summary.cost
    for line, source in zip(values["cost"]["lines"], cost.lines, strict=True):
        line["monthly"] = round(source.monthly, 2)
    regions = dict.fromkeys(line.region for line in cost.lines)
    values["cost"]["monthly"] = {region: round(cost.subtotal(region), 2) for region in regions}
    values["cost"]["total"] = round(cost.total, 2)
    return values


def _tasks(found: Assembly) -> list[TierTasks]:
    by_tier: dict[tuple[str, str], list[tiers.TierService]] = {}
    for stack in found.stacks.values():
        for service in tiers.services(stack):
            by_tier.setdefault((service.region, service.tier), []).append(service)
    return [
        TierTasks(
            region=region,
            tier=tier,
            services=len(services),
            floor=sum(service.floor for service in services),
            ceiling=sum(service.ceiling for service in services),
            vcpu=services[0].vcpu,
            memory_gb=services[0].memory_gb,
        )
        for (region, tier), services in by_tier.items()
    ]


def _pack(rule: str) -> str:
    """Return "AwsSolutions" for "Annotation::AwsSolutions-IAM5[...]", else the plugin."""
    plugin, separator, name = rule.partition("::")
    if separator and plugin != "Annotation":
        return plugin
    return (name or plugin).partition("-")[0]
