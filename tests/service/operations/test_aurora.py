"""A reader of an Aurora cluster takes over by the RDS API: once, wherever the operation was killed.

The API is botocore's own client, so that requests are checked against its model, answered by a
cluster that is as slow as Amazon RDS and refuses what it refuses. moto changes the writer within
the call, and never refuses a second one: it is asked for what it does right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto import mock_aws

from local.postgres import ADMINISTRATOR, PostgresServers
from service.operations import aurora, detection, promotion
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator

CLUSTER = "mainstay-test-entity-a"
HOST = f"{CLUSTER}.cluster-c7tj4example.us-east-1.rds.amazonaws.com"
NODE = DatabaseNode(
    name="entity-a", store="entity", dsn="", host=HOST, port=5432, database="postgres",
    cluster=CLUSTER,
)  # fmt: skip


class KilledError(BaseException):
    """The operation's process is gone, before or after a call took effect."""


class SlowCluster:
    """A writer that is lost, two readers, and an API that says so in its own time.

    `says_so_late` is how many descriptions still show the state before the failover.
    """

    def __init__(self, servers: dict[str, str], *, says_so_late: int = 0) -> None:
        self.servers = servers
        self.writer = "one"
        self.target: str | None = None
        self.left = 0  # descriptions until the failover is over
        self.says_so_late = self._late = says_so_late
        self.name_leads_to = "one"
        self.failovers: list[str] = []
        self.calls = 0
        self.kill_at: tuple[str, int] | None = None
        self.nodes = {"entity-a": NODE}
        self.client = boto3.client(
            "rds", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.client.meta.events.register("before-call.rds.*", self._answer)
        self._follow()

    def instance_dsn(self, _: DatabaseNode, instance: str) -> str:
        if instance == self.writer and instance != "one":
            return self.servers["promoted"]
        return self.servers["gone" if instance == "one" else "reader"]

    def _follow(self) -> None:
        dsn = self.servers["gone" if self.name_leads_to == "one" else "promoted"]
        self.nodes["entity-a"] = replace(NODE, dsn=dsn)

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        self.calls += 1
        if self.kill_at == ("before", self.calls):
            raise KilledError
        answer = getattr(self, model.name)(params["body"])
        if self.kill_at == ("after", self.calls):
            raise KilledError
        status = 400 if "Error" in answer else 200
        return AWSResponse("https://rds", status, {}, None), answer  # type: ignore[arg-type]

    def DescribeDBClusters(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert body["DBClusterIdentifier"] == CLUSTER
        status = "available"
        if self.target and self._late:
            self._late -= 1
        elif self.target:
            status, self.left = "failing-over", self.left - 1
            if self.left == 0:
                self.writer, self.target = self.target, None
        elif self.name_leads_to != self.writer:
            self.left -= 1  # the name follows after the instance
            if self.left < -1:
                self.name_leads_to = self.writer
                self._follow()
        members = [
            {
                "DBInstanceIdentifier": name,
                "IsClusterWriter": name == self.writer,
                "PromotionTier": tier,
            }
            for name, tier in (("three", 2), ("two", 1), ("one", 0))
        ]
        return {"DBClusters": [{"Status": status, "DBClusterMembers": members}]}

    def FailoverDBCluster(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert body["DBClusterIdentifier"] == CLUSTER
        target = body["TargetDBInstanceIdentifier"]
        if self.target:
            return refused("InvalidDBClusterStateFault")
        if target == self.writer:
            return refused("InvalidDBInstanceState")
        self.failovers.append(target)
        self.target, self.left, self._late = target, 2, self.says_so_late
        return {"DBCluster": {}}


def refused(code: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": "not now"}}


@pytest.fixture(scope="module")
def addresses():
    """Where a promoted server, a reader and nobody answers."""
    with PostgresServers() as servers:
        promoted = servers.start("promoted")
        reader = servers.standby("reader", of=promoted)
        dsn = promoted.dsn("postgres", ADMINISTRATOR)
        yield {
            "promoted": dsn,
            "reader": reader.dsn("postgres", ADMINISTRATOR),
            "gone": dsn.replace(str(promoted.port), "1"),
        }


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(aurora, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(detection, "INTERVAL_SECONDS", 0.001)


@pytest.fixture(params=[0, 2], ids=["says so at once", "says so late"])
def cluster(request, addresses, monkeypatch):
    made = SlowCluster(addresses, says_so_late=request.param)
    monkeypatch.setattr(aurora, "instance_dsn", made.instance_dsn)
    return made


def promote(cluster: SlowCluster, **options: Any) -> str:
    with Operator(cluster.nodes, **{"timeout": 10, **options}) as operator:
        return promotion.promote_reader(operator, "entity-a", rds=cluster.client)


def test_the_first_reader_by_tier_takes_over_and_the_name_follows(cluster):
    assert promote(cluster) == "two"
    assert cluster.failovers == ["two"]
    assert cluster.name_leads_to == "two"
    assert promote(cluster) == "two"  # again: it says so, and does nothing
    assert cluster.failovers == ["two"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_call_and_run_again_it_fails_over_once(
    addresses, monkeypatch, cluster, when
):
    late, kill = cluster.says_so_late, 0
    while True:
        kill += 1
        one = SlowCluster(addresses, says_so_late=late)
        monkeypatch.setattr(aurora, "instance_dsn", one.instance_dsn)
        one.kill_at = (when, kill)
        try:
            promote(one)
            break  # nobody killed it: every call was tried
        except KilledError:
            one.kill_at = None
        assert promote(one) == "two"
        assert one.failovers == ["two"], kill
        assert (one.writer, one.name_leads_to) == ("two", "two")
    assert kill > 4


def test_while_the_name_still_leads_to_the_lost_one_nobody_is_promoted_again(cluster):
    cluster.writer = "two"  # promoted by Aurora itself, a moment ago
    assert promote(cluster) == "two"
    assert cluster.failovers == []


def test_a_failover_of_aurora_s_own_is_waited_for(cluster):
    cluster.target, cluster.left = "three", 2
    assert promote(cluster) == "three"
    assert cluster.failovers == []


def test_a_dry_run_asks_and_changes_nothing(cluster, capsys):
    promote(cluster, dry_run=True)
    assert cluster.failovers == []
    assert f"FailoverDBCluster {CLUSTER} to two" in capsys.readouterr().err


def test_without_a_reader_that_answers_it_is_the_other_master_s_turn(cluster):
    cluster.servers = {**cluster.servers, "reader": cluster.servers["gone"]}
    with pytest.raises(DeclinedError, match="no reader of entity-a answers: promote the other"):
        promote(cluster)
    assert cluster.failovers == []


def test_what_is_no_failover_under_way_is_not_waited_for(cluster, monkeypatch):
    monkeypatch.setattr(cluster, "FailoverDBCluster", lambda _: refused("AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        promote(cluster)


def test_the_wait_is_bounded(cluster):
    cluster.target, cluster.left = "two", 10**9
    with pytest.raises(TimeoutError, match="the endpoint of entity-a has a writer"):
        promote(cluster, timeout=0.1)


def test_an_instance_is_reached_by_its_own_name():
    node = replace(NODE, dsn=f"host={HOST} user=a")
    assert "host=two.c7tj4example.us-east-1.rds.amazonaws.com" in aurora.instance_dsn(node, "two")
    with pytest.raises(DeclinedError, match="should be the endpoint of cluster"):
        aurora.instance_dsn(replace(node, host="db.example.com"), "two")


@mock_aws
def test_the_requests_are_those_of_the_api():
    rds = boto3.client("rds", region_name="us-east-1")
    rds.create_db_cluster(
        DBClusterIdentifier=CLUSTER, Engine="aurora-postgresql", MasterUsername="a",
        MasterUserPassword="a password",
    )  # fmt: skip
    for name in ("one", "two"):
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.r8g.large", Engine="aurora-postgresql",
            DBClusterIdentifier=CLUSTER,
        )  # fmt: skip
    assert aurora.describe(rds, NODE) == aurora.AuroraCluster(
        status="available", writer="one", readers=("two",)
    )
    rds.failover_db_cluster(DBClusterIdentifier=CLUSTER, TargetDBInstanceIdentifier="two")
    assert aurora.describe(rds, NODE).writer == "two"
