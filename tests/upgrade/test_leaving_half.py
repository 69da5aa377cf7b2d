"""A half is stopped when the last node of the load balancer has stopped sending to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.upgrade import leaving_half
from tests.upgrade import simulated_world
from tests.upgrade.fault import Fault
from tests.upgrade.regions import NEW, PRIMARY
from tests.upgrade.simulated_account import ROLLED_BACK, UPGRADED

STOPS = {
    "": ("Stop the apps on that half", "Upgrade the trailing half"),
    "commit": ("Undo: stop the new code",),
}


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("cause", STOPS)
def test_no_half_is_stopped_before_two_published_minutes_without_a_request(
    upgrade, account, monkeypatch, cause, called
):
    """With nodes that need 50 s to learn, which no time that is waited for would cover."""
    monkeypatch.setattr(simulated_world, "PROPAGATION", timedelta(seconds=50 if called else 8))
    monkeypatch.setattr(leaving_half, "_SETTLED", timedelta(minutes=1))  # the next test
    account.called = called
    if cause:
        account.faults = [Fault("Commit", "before")]
    ended = upgrade("first", bake_seconds=0)
    assert account.outcome(ended) == (ROLLED_BACK if cause else UPGRADED)


def test_mutation_a_half_that_is_stopped_at_once_is_seen(upgrade, account, monkeypatch):
    monkeypatch.setattr(leaving_half, "require_left", lambda *_, **__: None)
    monkeypatch.setattr(simulated_world, "PROPAGATION", timedelta(seconds=300))
    assert "green was stopped while a node" in account.outcome(upgrade("first"))


def test_mutation_writes_before_the_nodes_have_their_weights_are_seen(
    upgrade, account, monkeypatch
):
    monkeypatch.setattr(leaving_half, "require_settled", lambda *_, **__: None)
    assert "READ_WRITE, and blue speaks 1 to 2" in account.outcome(upgrade("first"))


def test_a_half_that_still_has_requests_is_not_stopped_and_everything_returns(
    upgrade, account, monkeypatch
):
    """A client of the load balancer that goes by no rule of it."""
    requests = account._requests

    def always(group, **given):
        both = [requests(arn, **given)["Datapoints"] for arn in account.groups.values()]
        return {"Datapoints": max(both, key=len)}

    monkeypatch.setattr(account, "_requests", always)
    ended = upgrade("first")
    assert "green has its requests counted" in ended["cause"]
    assert account.outcome(ended) == ROLLED_BACK
    assert len(account.ecs[PRIMARY].running("app", "green")) == 2
    assert NEW not in str(account.state()["services"])
