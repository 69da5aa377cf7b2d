"""The summary as a page of plain text, 100 columns at most."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from review.cost.estimate import CostEstimate, Line
from review.deploy_page import render_step
from review.deploy_plan import RUNBOOK
from review.summary.figures import GateFindings, StackRow, Summary, TierTasks

WIDTH = 96
_TIERS = ("public", "edge", "app", "data")
_KINDS_SHOWN = 10


def render(summary: Summary) -> list[str]:
    """Return the page."""
    return [
        f"mainstay {summary.environment}: {summary.domain}",
        *_section("Stacks in deploy order, with their resources", _stacks(summary.stacks)),
        *_section("Availability Zones, by tier", _zones(summary.zones)),
        *_section("Tasks", _tasks(summary.tasks)),
        *_section(f"Resources: {sum(summary.resources.values())}", _resources(summary.resources)),
        *_section("Findings of the gates", _findings(summary.findings)),
        *_section("Cost estimate, US dollars a month", _cost(summary)),
        *_section("Next", _next(summary)),
    ]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return ["", title, *(f"  {line}".rstrip() for line in lines)]


def _stacks(rows: Sequence[StackRow]) -> list[str]:
    """A column for each Region."""
    columns: list[list[str]] = []
    for region in dict.fromkeys(row.region for row in rows):
        own = [row for row in rows if row.region == region]
        cells = [
            f"{row.order:>3} {row.path.rpartition('/')[2]:<12} {row.resources:>4}" for row in own
        ]
        columns.append([f"    {region}", *cells])
    return ["".join(f"{cell:<30}" for cell in row) for row in zip_longest(*columns, fillvalue="")]


def _zones(zones: dict[str, dict[str, tuple[str, ...]]]) -> list[str]:
    lines = []
    for region, tiers in zones.items():
        for tier in sorted(tiers, key=lambda name: (*_TIERS, name).index(name)):
            ids = tiers[tier]
            lines.append(f"{region:<12} {tier:<8} {len(ids)}   {' '.join(ids)}")
    return lines


def _tasks(tasks: Sequence[TierTasks]) -> list[str]:
    lines = [f"{'':<12} {'':<8} {'floor':>5} {'ceiling':>8}   each"]
    for row in tasks:
        count, least, most = row.services, row.floor // row.services, row.ceiling // row.services
        note = f"; {count} services of {least} to {most}" if count > 1 else ""
        lines.append(
            f"{row.region:<12} {row.tier:<8} {row.floor:>5} {row.ceiling:>8}   "
            f"{row.vcpu:g} vCPU, {row.memory_gb:g} GB{note}"
        )
    return lines


def _resources(resources: dict[str, int]) -> list[str]:
    shown = list(resources.items())[:_KINDS_SHOWN]
    rest = sum(resources.values()) - sum(count for _, count in shown)
    lines = [f"{count:>4} {kind}" for kind, count in shown]
    if rest:
        lines.append(f"{rest:>4} of {len(resources) - len(shown)} other types")
    return lines


def _findings(findings: GateFindings) -> list[str]:
    total = sum(findings.acknowledged.values())
    lines = [f"{total:>4} acknowledged, each with its reason on its construct"]
    lines += [f"     {count:>4} {pack}" for pack, count in findings.acknowledged.items()]
    if findings.unacknowledged is None:
        return [*lines, "     the gates did not run: there is no validation report"]
    return [*lines, f"{findings.unacknowledged:>4} unacknowledged"]


def _cost(summary: Summary) -> list[str]:
    cost = summary.cost
    lines = []
    for region in dict.fromkeys(line.region for line in cost.lines):
        users, checks = cost.requests_per_second.get(region, 0.0), cost.checks_per_second[region]
        lines.append(f"{region}: {users:g} requests/s of users, {checks:.1f} of health checks")
        lines += [_line(line) for line in cost.lines if line.region == region]
        lines += [f"{'subtotal':>71} = {cost.subtotal(region):>12,.2f}", ""]
    lines += [f"{'TOTAL':>71} = {cost.total:>12,.2f}", ""]
    for region, value in cost.per_million_requests.items():
        lines.append(f"each further million requests in {region}: {value:.2f}, without more tasks")
    lines += [f"not priced: {kind} ({count})" for kind, count in cost.not_priced.items()]
    return [*lines, "", *_basis(summary, cost)]


def _line(line: Line) -> str:
    price = f"{line.quantity:>12,.2f} {line.unit:<13} x {line.unit_price:<8g}"
    return f"  {line.item:<32} {price} = {line.monthly:>12,.2f}"


def _basis(summary: Summary, cost: CostEstimate) -> list[str]:
    head = (
        f"List prices as remembered on {summary.prices_from}, +-20 %: put yours into "
        "review/cost/prices.toml. Not in it: free tiers, discounts, taxes, support, image storage, "
        "and what is not priced above. It assumes:"
    )
    lines = textwrap.wrap(head, WIDTH)
    for assumption in cost.assumptions:
        lines += textwrap.wrap(assumption, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return lines


def _next(summary: Summary) -> list[str]:
    lines = [f"- {placeholder}" for placeholder in summary.placeholders]
    if summary.placeholders:
        lines += [*render_step(summary.next[0], 1, why=False), " 2. `make preflight`: the way on"]
    else:
        for number, step in enumerate(summary.next, start=1):
            lines += render_step(step, number, why=False)
        lines.append(f"`make preflight` explains each step; {RUNBOOK} explains how to delegate")
    lines.append("`make test` proves what is claimed; `make diff` shows what your edits change")
    return lines
