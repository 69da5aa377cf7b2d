"""Which alarms of an assembly reach nobody: each is to act, or something is to act on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from assembly.reader import Assembly
from assembly.stack import Stack

KINDS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")

# Alarms that act by themselves on nothing, and are to: by the construct's id and the reason.
REVIEWED = {
    r"Left[0-9A-F]{8}$": "a health check of Route 53 reads the metric; a person's command sets it",
    r"Stalled[0-9A-F]{8}$": "of a migration, whose conductor has it on the screen meanwhile",
}


def without_action(assembly: Assembly) -> Iterator[str]:
    """Yield the stack and logical id of each alarm that neither acts nor is acted on."""
    for stack in assembly.stacks.values():
        acting = set(_acting(stack))
        for logical_id in _alarms(stack):
            if logical_id not in acting and not _reviewed(logical_id):
                yield f"{stack.name}: {logical_id}"


def _alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    return {name: found for kind in KINDS for name, found in stack.of_type(kind).items()}


def _acting(stack: Stack) -> Iterator[str]:
    """Yield the alarms with an action, a rule with a target, a deployment or a composite one."""
    alarms = _alarms(stack)
    acting = {
        name
        for name, found in alarms.items()
        if found.get("AlarmActions") and found.get("ActionsEnabled") is not False
    }
    for rule in stack.of_type("AWS::Events::Rule").values():
        pattern = rule.get("EventPattern", {})
        alarmed = "aws.cloudwatch" in pattern.get("source", ())
        if alarmed and rule.get("Targets") and rule.get("State") != "DISABLED":
            acting |= _named(pattern.get("resources"), alarms)
    for service in stack.of_type("AWS::ECS::Service").values():
        watched = service.get("DeploymentConfiguration", {}).get("Alarms", {})
        if watched.get("Enable") and watched.get("Rollback"):
            acting |= _named(watched["AlarmNames"], alarms)
    for name, rule in ((name, found.get("AlarmRule")) for name, found in alarms.items()):
        if rule and name in acting:
            acting |= _named(rule, alarms)
    yield from acting


def _named(value: Any, alarms: dict[str, Any]) -> set[str]:
    """Return the alarms that a property refers to, at any depth."""
    words = set(re.findall(r"\w+", json.dumps(value)))
    return words & alarms.keys()


def _reviewed(logical_id: str) -> bool:
    return any(re.search(pattern, logical_id) for pattern in REVIEWED)
