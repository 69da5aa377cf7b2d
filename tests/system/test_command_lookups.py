"""What the commands of `mainstay` look up in stacks by name stands in the templates."""

from __future__ import annotations

import pytest

from cli import schedule

# Type, the stack's tier, and how the logical id of the one resource begins.
LOOKED_UP = [
    ("AWS::SQS::Queue", "events", "AuditEvents"),
    ("AWS::SQS::Queue", "events", "AuditDeadLetters"),
    ("AWS::Logs::LogGroup", "logs", "LogsEdge"),
    ("AWS::WAFv2::WebACL", "edge", ""),
]
ENVIRONMENTS = ["production", "small", "dev"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_schedule_is_listed_by_a_name_of_its_own(systems, environment):
    names = set()
    for item in (found := list(systems(environment).of_type("AWS::Scheduler::Schedule"))):
        tier = item.stack.name.removeprefix(f"mainstay-{environment}-{item.stack.region}-")
        assert tier in schedule.STACKS
        short, word, _ = item.logical_id.rpartition("Schedule")
        assert short
        assert word
        names.add((item.stack.region, tier, short))
    assert len(names) == len(found) > 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(("kind", "tier", "begins"), LOOKED_UP)
def test_what_is_looked_up_is_there_once_in_each_region(systems, environment, kind, tier, begins):
    system = systems(environment)
    for region in system.regions:
        name = f"mainstay-{environment}-{region}-{tier}"
        found = [
            item
            for item in system.of_type(kind, region)
            if item.stack.name == name and item.logical_id.startswith(begins)
        ]
        assert len(found) == 1, (name, begins)
