"""Both masters at once: they converge whatever comes when, and what is behind or broken is seen."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mainstay.database.metrics import NAMESPACE, ReplicaMetrics
from service.operations import lag, replication
from service.operations.compare import compare
from service.operations.node import Link
from service.operations.operator import Operator
from tests.service.operations.conftest import Lab
from tests.service.operations.story import received

A, B = "entity-a", "entity-b"


def both_ways(operator: Operator) -> tuple[Link, Link]:
    return operator.link(A, B), operator.link(B, A)


def settle(operator: Operator) -> None:
    for link in both_ways(operator):
        replication.resume(operator, link)
    for _ in range(2):  # what one sends may be followed by what the other does
        for link in both_ways(operator):
            received(operator, link)


# ------------------------------------------------------------------------------ they converge


class Story:
    """Writes on both masters in an order that chance gives; no row is changed on both."""

    def __init__(self, lab: Lab, operator: Operator, seed: int) -> None:
        self.lab, self.operator = lab, operator
        self.chance = random.Random(seed)
        self.rows: dict[str, list[str]] = {A: [], B: []}
        self.values: dict[str, str | None] = {}  # what each row has to be; None for gone
        self.tenant = lab.add_tenant(A)
        lab.arrives(B, self.tenant)

    def step(self) -> None:
        node = self.chance.choice((A, B))
        acts = [self.insert, self.update, self.update, self.delete, self.interrupt]
        self.chance.choice(acts)(node)

    def insert(self, node: str) -> None:
        """As the owner, whom no fence holds: users write on one master at a time."""
        row = str(uuid.uuid4())
        self.lab.rows(
            node,
            "INSERT INTO account (id, tenant_id, login, full_name) VALUES (%s, %s, %s, 'new')",
            *(row, self.tenant, row),
        )
        self.rows[node].append(row)
        self.values[row] = "new"

    def update(self, node: str) -> None:
        if not self.rows[node]:
            return
        row, value = self.chance.choice(self.rows[node]), f"{node} {self.chance.random()}"
        self.lab.rows(node, "UPDATE account SET full_name = %s WHERE id = %s", value, row)
        self.values[row] = value

    def delete(self, node: str) -> None:
        if len(self.rows[node]) < 3:
            return
        row = self.rows[node].pop(self.chance.randrange(len(self.rows[node])))
        self.lab.rows(node, "DELETE FROM account WHERE id = %s", row)
        self.values[row] = None

    def interrupt(self, node: str) -> None:
        """One direction stops or goes on, so that changes cross each other on the way."""
        [link] = self.operator.links_of(subscriber=node)
        self.chance.choice((replication.pause, replication.resume))(self.operator, link)

    def on(self, node: str) -> dict[str, str]:
        return dict(
            self.lab.rows(
                node, "SELECT id::text, full_name FROM account WHERE tenant_id = %s", self.tenant
            )
        )


@pytest.mark.parametrize("seed", range(4))
def test_writes_on_both_in_any_order_end_alike_on_both(masters, operator, seed):
    story = Story(masters, operator, seed)
    for _ in range(40):
        story.step()
    settle(operator)
    wanted = {row: value for row, value in story.values.items() if value is not None}
    assert story.on(A) == story.on(B) == wanted
    assert set(story.rows[B]) <= story.on(A).keys()  # what was written on B is on A
    assert story.rows[A]
    assert story.rows[B]
    assert compare(operator, A, B)["equal"]
    for link in both_ways(operator):
        assert replication.verify(operator, link) == []


# ---------------------------------------------------------------------- what is seen of them


@pytest.fixture
def conflict(masters: Lab, operator: Operator) -> Iterator[Link]:
    """The same key given on both: B refuses what comes from A. Mended after."""
    forth, back = both_ways(operator)
    for link in (forth, back):
        replication.pause(operator, link)
    same = str(uuid.uuid4())
    for node in (A, B):
        masters.rows(node, "INSERT INTO tenant (id, host, name) VALUES (uuid7(), %s, 'T')", same)
    replication.resume(operator, forth)
    masters.wait(B, "SELECT NOT subenabled FROM pg_subscription WHERE subname = %s", forth.name)
    yield forth
    masters.rows(B, "DELETE FROM tenant WHERE host = %s", same)
    settle(operator)


def entries(operator: Operator) -> dict[str, dict[str, Any]]:
    return {entry["replica"]: entry for entry in lag.report(operator)}


def test_what_a_paused_replica_misses_is_counted_in_bytes(masters, operator):
    forth, _ = both_ways(operator)
    replication.pause(operator, forth)
    masters.add_tenant(A, accounts=200)
    found = entries(operator)[forth.name]
    assert found["bytes"] > 10_000
    assert found["retained_bytes"] >= found["bytes"]
    assert (found["active"], found["errors"]) == (False, 0)
    assert found["problems"] == [f"the subscription '{forth.name}' is off"]
    settle(operator)
    operator.wait(lambda: entries(operator)[forth.name]["bytes"] < 1_000, "B has it all")
    found = entries(operator)[forth.name]
    assert (found["active"], found["problems"]) == (True, [])
    assert 0 <= found["seconds"] < 60


def test_a_conflict_is_counted_and_the_subscription_is_seen_to_be_off(operator, conflict):
    # A count arrives with the worker's end, a moment after the subscription was switched off.
    operator.wait(lambda: entries(operator)[conflict.name]["errors"] >= 1, "it is counted")
    found = entries(operator)[conflict.name]
    assert found["problems"] == [f"the subscription '{conflict.name}' is off"]


def test_a_reader_of_the_master_itself_is_measured_too(masters, operator):
    reader = masters.servers.standby("reader", of=masters.by_name[A])
    try:
        operator.wait(lambda: "entity-a/reader" in entries(operator), "the reader is seen")
        found = entries(operator)["entity-a/reader"]
        assert found["bytes"] < 10_000_000
        assert found["seconds"] >= 0
    finally:
        masters.servers.remove(reader)


def published(report: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Every data point in CloudWatch, by metric and replica."""
    with mock_aws():
        cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
        lag.publish(cloudwatch, report, environment="test")
        found = {}
        for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=NAMESPACE):
            for metric in page["Metrics"]:
                dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
                assert dimensions.pop("Environment") == "test"
                [(_, replica)] = dimensions.items()
                found[metric["MetricName"], replica] = _value(cloudwatch, metric)
        return found


def _value(cloudwatch: Any, metric: dict[str, Any]) -> float:
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace=metric["Namespace"], MetricName=metric["MetricName"],
        Dimensions=metric["Dimensions"], StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1), Period=86_400, Statistics=["Maximum"],
    )["Datapoints"]  # fmt: skip
    return max(point["Maximum"] for point in points)


DELAYED = {"replica": "delayed", "delay_seconds": 3_600.0, "below_target": False}


def test_what_is_published_is_what_the_alarms_read(operator):
    """Names, dimensions and namespace: no metric without a writer, no figure without a reader."""
    assert lag.NAMESPACE == NAMESPACE
    written = published([*lag.report(operator), DELAYED])
    read = {}
    for replica in ("entity_b_from_entity_a", "entity_a_from_entity_b", "delayed"):
        metrics = ReplicaMetrics("test", replica)
        for name in (name for name in dir(metrics) if name.split("_")[0] in ("maximum", "minimum")):
            metric = getattr(metrics, name)()
            assert metric.namespace == NAMESPACE
            assert metric.dimensions == {"Environment": "test", "Replica": replica}
            read[metric.metric_name, replica] = metric
    assert written.keys() <= read.keys()
    assert {name for name, _ in written} == {name for name, _ in read}
    assert written["ReplicaBroken", "entity_b_from_entity_a"] == 0
    assert written["ReplicaDelay", "delayed"] == 3_600


def test_a_broken_replica_and_one_that_does_not_answer_are_published_as_such(operator, conflict):
    operator.wait(lambda: entries(operator)[conflict.name]["errors"] >= 1, "it is counted")
    written = published(
        [
            *lag.report(operator),
            {"replica": "silent", "error": "connection refused"},
            {**DELAYED, "below_target": True},
        ]
    )
    assert written["ReplicaBroken", conflict.name] == 1
    assert written["SubscriptionErrors", conflict.name] >= 1
    assert written["ReplicaBroken", "silent"] == 1
    assert written["ReplicaBroken", "delayed"] == 1
