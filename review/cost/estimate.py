"""The monthly cost of an environment: its templates' numbers, list prices, stated assumptions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from assembly.reader import Assembly
from assembly.stack import Stack
from config.model import Environment
from review.cost import resources as resource_costs
from review.cost import traffic as traffic_costs
from review.cost.prices import PriceList


@dataclass(frozen=True, kw_only=True)
class Line:
    """One item of one Region's bill, in US dollars a month."""

    region: str
    key: str
    item: str
    quantity: float
    unit: str
    unit_price: float

    @property
    def monthly(self) -> float:
        return self.quantity * self.unit_price


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """An environment's cost a month at its floor of tasks and its assumed traffic."""

    lines: tuple[Line, ...]
    requests_per_second: dict[str, float]  # of users, by Region
    checks_per_second: dict[str, float]  # of Route 53, by Region
    per_million_requests: dict[str, float]  # beyond what the estimate holds, by Region
    not_priced: dict[str, int]  # resource type -> how many
    assumptions: tuple[str, ...]

    @property
    def total(self) -> float:
        return sum(line.monthly for line in self.lines)

    def subtotal(self, region: str) -> float:
        return sum(line.monthly for line in self.lines if line.region == region)


def estimate(assembly: Assembly, environment: Environment, prices: PriceList) -> CostEstimate:
    """Pure: the same assembly, environment and prices give the same estimate."""
    rates = traffic_costs.requests_per_second(environment, prices)
    lines: list[Line] = []
    checks: dict[str, float] = {}
    per_million: dict[str, float] = {}
    for region in assembly.regions:
        stacks = [stack for stack in assembly.stacks.values() if stack.region == region]
        path = traffic_costs.path_through(stacks, prices)
        checks[region] = path.checks_per_second
        rate = rates.get(region, 0.0) + path.checks_per_second
        requests = rate * traffic_costs.SECONDS
        there = [found for stack in stacks for found in resource_costs.quantities(stack, prices)]
        passing = traffic_costs.quantities(path, requests, prices)
        lines += _lines(region, [*there, *passing], prices)
        more = _lines(region, traffic_costs.quantities(path, 1_000_000, prices), prices)
        per_million[region] = sum(line.monthly for line in more)
    return CostEstimate(
        lines=tuple(lines),
        requests_per_second=rates,
        checks_per_second=checks,
        per_million_requests=per_million,
        not_priced=not_priced(assembly.stacks.values(), prices),
        assumptions=_assumptions(environment, assembly, prices),
    )


def not_priced(stacks: Iterable[Stack], prices: PriceList) -> dict[str, int]:
    """Return the types whose cost nobody has stated, and how many there are of each."""
    kinds = Counter(item["Type"] for stack in stacks for item in stack.resources.values())
    return {
        kind: count
        for kind, count in sorted(kinds.items())
        if not resource_costs.is_known(kind, prices)
    }


def _lines(
    region: str, quantities: Iterable[resource_costs.Quantity], prices: PriceList
) -> list[Line]:
    """Return the lines in the order of prices.toml, without what is not used."""
    sums: defaultdict[str, float] = defaultdict(float)
    for key, quantity in quantities:
        sums[key] += quantity
    return [
        Line(
            region=region,
            key=key,
            item=price.item,
            quantity=sums[key],
            unit=price.unit,
            unit_price=price.value,
        )
        for key, price in prices.prices.items()
        if sums[key]
    ]


def _assumptions(
    environment: Environment, assembly: Assembly, prices: PriceList
) -> tuple[str, ...]:
    app, share = environment.app, prices.assume("load_share")
    average = traffic_costs.average_requests_per_second(environment, prices)
    where = "halves" if environment.routing == "latency" else "the primary Region"
    if len(environment.regions) == 1:
        where = "its one Region"
    stated = [
        f"traffic: {average:,.4g} requests a second on average to {where}, {share:.0%} of the "
        f"everyday peak of app.peak_tasks x requests_per_task_per_minute "
        f"({app.peak_tasks} x {app.requests_per_task_per_minute:,})",
        "tasks at their floor, 730 hours; logs as old as they are kept",
    ]
    others = {name: entry for name, entry in prices.assumptions.items() if name != "load_share"}
    stated.append("; ".join(f"{entry.value:g} {entry.unit}" for entry in others.values()))
    for region in assembly.regions:
        if any(region not in price.regions for price in prices.prices.values()):
            stated.append(f"{region} has no prices of its own in prices.toml: others stand in")
    return tuple(stated)
