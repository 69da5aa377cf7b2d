"""The guards as one of the gates of every synth, beside cdk-nag."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import aws_cdk as cdk
import jsii

from mainstay.guards import database_traps, network_traps, traffic_traps
from mainstay.guards.template import Template, Trap

GUARDS: tuple[Callable[[Sequence[Template]], Iterator[Trap]], ...] = (
    network_traps.zones_not_pinned,
    network_traps.too_few_zones,
    network_traps.too_many_addresses,
    network_traps.too_many_rules,
    network_traps.references_across_regions,
    traffic_traps.clients_held_too_long,
    traffic_traps.all_targets_must_fail_first,
    traffic_traps.old_tls,
    traffic_traps.alias_without_target_health,
    traffic_traps.zone_that_cannot_be_edited,
    traffic_traps.operations_undone,
    traffic_traps.plan_name_too_long,
    database_traps.too_many_zones,
    database_traps.readers_unlike_the_writer,
    database_traps.retired_engines,
    database_traps.expiry_with_strong_consistency,
    database_traps.delayed_beside_live,
    database_traps.copies_unlike_their_first,
)


@jsii.implements(cdk.IPolicyValidationPlugin)
class TrapGuards:
    """Every trap found fails the synth and names its fix.

    An acknowledgement on a construct, `Mainstay::<rule>`, lets one pass with a reason, as for any
    finding.
    """

    @property
    def name(self) -> str:
        return "Mainstay"

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> None:
        return None

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        templates = [
            Template(
                path=stack.template_path,
                region=stack.region or "",
                body=json.loads(Path(stack.template_path).read_text()),
            )
            for stack in context.stack_templates
        ]
        violations = [_violation(trap) for guard in GUARDS for trap in guard(templates)]
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)


def _violation(trap: Trap) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=trap.rule,
        description=trap.consequence,
        fix=trap.fix,
        severity="error",
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=trap.logical_id,
                template_path=trap.template.path,
                locations=["Properties"],
            )
        ],
    )
