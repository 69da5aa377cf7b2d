"""What is not waited for while writers wait, and what is before: figures that are not there yet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.control_table import journal
from tests.upgrade.regions import NEW, PRIMARY, STANDBY, CloudWatch
from tests.upgrade.simulated_account import UPGRADE, UPGRADED


def lines(account) -> list[journal.Entry]:
    return list(journal.entries(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE))


def test_the_alarms_of_a_deployment_are_not_watched_while_writers_wait(
    upgrade, account, monkeypatch
):
    """Amazon ECS watches for minutes after the last task is there, and the upgrade itself bakes."""
    until, opened = {}, []

    def watches(service) -> bool:
        definition = service["taskDefinition"]
        if account.ecs[PRIMARY].definition(definition)["containerDefinitions"][0]["image"] != NEW:
            return False
        since = until.setdefault(definition, account.now)
        return account.now < since + timedelta(minutes=10)

    monkeypatch.setattr(account.ecs[PRIMARY], "watches", watches)
    account.before_state = lambda state: opened.append((state, account.now))
    ended = upgrade("first", bake_seconds=20)
    assert account.outcome(ended) == UPGRADED
    moments = dict(opened)
    window = moments["Return to read-write mode"] - moments["Move the system into read-only mode"]
    assert window < timedelta(minutes=2)


def test_a_figure_that_is_missing_is_not_a_quiet_region(upgrade, account, monkeypatch):
    """CloudWatch may be minutes late, and Route 53's checkers always call."""
    first, late = account.now, timedelta(minutes=4)
    checkers = CloudWatch.checkers
    monkeypatch.setattr(
        CloudWatch,
        "checkers",
        staticmethod(lambda end: checkers(end) if account.now > first + late else []),
    )
    stopped = []
    account.before_state = lambda state: (
        stopped.append(account.now) if state == "Stop the apps on that half" else None
    )
    assert account.outcome(upgrade("first")) == UPGRADED
    assert stopped[0] > first + late


def test_it_does_not_begin_while_a_target_is_not_healthy(upgrade, account, monkeypatch):
    [one, *_] = account.balancers.describe_target_health(TargetGroupArn=account.groups["green"])[
        "TargetHealthDescriptions"
    ]
    real = account.balancers.describe_target_health

    def sick(**given):
        answer = real(**given)
        if given["TargetGroupArn"] == account.groups["green"]:
            answer["TargetHealthDescriptions"] += [
                {**one, "TargetHealth": {"State": state}} for state in ("unhealthy", "draining")
            ]
        return answer

    monkeypatch.setattr(account.balancers, "describe_target_health", sick, raising=False)
    ended = upgrade("first")
    assert ended["error"] == "Upgrade.Refused"
    assert "1 targets of green of us-east-1 are unhealthy" in ended["cause"]
    assert account.lock() is None


def test_the_journal_has_how_long_no_other_region_stood_behind_the_primary(upgrade, account):
    assert account.outcome(upgrade("first")) == UPGRADED
    done = {line.step: line.detail for line in lines(account) if line.state == "done"}
    found = done["return"]
    assert found.startswith("for ")
    assert found.endswith("s the primary Region had no other one behind it")


@pytest.mark.parametrize("region", [PRIMARY, STANDBY])
def test_a_region_is_read_only_at_no_other_time(upgrade, account, region):
    seen = []
    account.before_state = lambda state: seen.append((state, str(account.mode(region).mode)))
    upgrade("first")
    states = [state for state, mode in seen if mode == "READ_ONLY"]
    assert states[0] == "Halt replication on the primary master: note"
    assert states[-1] == "Return to read-write mode"
