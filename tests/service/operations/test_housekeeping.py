"""What has a date, on real servers: the audit log's months, certificates, and passwords."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.postgres import PostgresServers
from local.postgres.certificate import Authority
from service.operations import housekeeping, lag, partitions
from service.operations.bootstrap import bootstrap
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator
from tests.service.operations.conftest import Lab

TODAY = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, tzinfo=UTC)
NODE = "transaction"
MONTHS = [f"event_2026_0{month}" for month in (3, 4, 5, 6)]


@pytest.fixture
def audit(servers: PostgresServers) -> Iterator[Lab]:
    lab = Lab(servers)
    lab.start(NODE)
    with lab.operator() as operator:
        bootstrap(operator, NODE)
    yield lab
    for server in lab.by_name.values():
        servers.remove(server)


@pytest.fixture
def operator(audit: Lab) -> Iterator[Operator]:
    with audit.operator() as operator:
        yield operator


def write(audit: Lab, at: date, **more: Any) -> None:
    """An event, as the worker writes it."""
    audit.rows(
        NODE,
        "INSERT INTO event (id, at, tenant_id, kind, outcome)"
        " SELECT u, %s, u, 'k', 'o' FROM gen_random_uuid() AS u",
        at,
        user="app_writer",
        **more,
    )


def rows_by_table(audit: Lab) -> dict[str, int]:
    found = audit.rows(
        NODE, "SELECT tableoid::regclass::text, count(*) FROM event GROUP BY 1 ORDER BY 1"
    )
    return dict(found)


def test_months_are_made_and_those_there_are_left_alone(operator: Operator):
    made = partitions.make_partitions(operator, NODE, today=TODAY)
    assert made == MONTHS
    assert partitions.make_partitions(operator, NODE, today=TODAY) == []
    found = partitions.state(operator.on(NODE), today=TODAY)
    assert found == {
        "partitions": ["event_2026_03", *MONTHS[1:], partitions.DEFAULT],
        "months_ahead": 3,
        "default_rows": 0,
    }
    later = partitions.state(operator.on(NODE), today=TODAY + timedelta(days=60))
    assert later["months_ahead"] == 1


def test_no_row_is_refused_where_a_month_was_forgotten_and_each_comes_home(
    audit: Lab, operator: Operator
):
    """As after a year without anybody: the worker wrote all the time."""
    partitions.make_partitions(operator, NODE, today=TODAY - timedelta(days=120), months=0)
    for at in (TODAY - timedelta(days=60), TODAY, TODAY, TODAY + timedelta(days=31)):
        write(audit, at)
    assert rows_by_table(audit) == {partitions.DEFAULT: 4}
    assert partitions.state(operator.on(NODE), today=TODAY)["default_rows"] == 4
    made = partitions.make_partitions(operator, NODE, today=TODAY)
    assert made == ["event_2026_01", *MONTHS]
    assert rows_by_table(audit) == {"event_2026_01": 1, "event_2026_03": 2, "event_2026_04": 1}
    assert partitions.state(operator.on(NODE), today=TODAY)["default_rows"] == 0


def test_a_row_of_no_sensible_time_makes_no_partition_and_stays_in_sight(
    audit: Lab, operator: Operator
):
    write(audit, date(2199, 1, 1))
    assert partitions.make_partitions(operator, NODE, today=TODAY) == MONTHS
    assert partitions.state(operator.on(NODE), today=TODAY)["default_rows"] == 1


def test_a_partition_shows_nobody_the_rows_that_it_took_from_the_default_one(
    audit: Lab, operator: Operator
):
    write(audit, TODAY)
    partitions.make_partitions(operator, NODE, today=TODAY)
    for table in ("event_2026_03", partitions.DEFAULT):
        assert audit.value(NODE, f"SELECT count(*) FROM {table}", user="app_reader") == 0


def test_old_months_are_detached_and_keep_their_rows(audit: Lab, operator: Operator):
    for months_ago in (5, 4, 3, 2):
        at = TODAY - timedelta(days=30 * months_ago)
        partitions.make_partitions(operator, NODE, today=at, months=0)
        write(audit, at)
    partitions.make_partitions(operator, NODE, today=TODAY)
    detached = partitions.detach_partitions(operator, NODE, today=TODAY, keep_months=3)
    assert detached == ["event_2025_10", "event_2025_11"]
    assert partitions.detach_partitions(operator, NODE, today=TODAY, keep_months=3) == []
    assert rows_by_table(audit) == {"event_2025_12": 1, "event_2026_01": 1}
    assert [audit.value(NODE, f"SELECT count(*) FROM {name}") for name in detached] == [1, 1]


def test_what_is_still_written_is_never_detached(operator: Operator):
    with pytest.raises(DeclinedError, match="'--keep-months' should be at least 2, got 1"):
        partitions.detach_partitions(operator, NODE, today=TODAY, keep_months=1)


# ------------------------------------------------------------------------------- the schedule


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        yield


@pytest.fixture
def secrets(aws: None) -> Any:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    for name in ("cluster/master", "replication"):
        client.create_secret(Name=name, SecretString="{}")
    return client


VARIABLES = {
    "TRANSACTION_HOST": "127.0.0.1",
    "TRANSACTION_SECRET": "cluster/master",
    "ENTITY_A_SECRET": "of a node that is not there",
    "REPLICATION_SECRET": "replication",
}


def figures(report: dict[str, Any]) -> dict[str, float]:
    """What of a report is in CloudWatch afterwards."""
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
    housekeeping.publish(cloudwatch, report, environment="test")
    found = {}
    namespace = lag.NAMESPACE.format(environment="test")
    for metric in cloudwatch.list_metrics(Namespace=namespace)["Metrics"]:
        assert metric["Dimensions"] == [{"Name": "Environment", "Value": "test"}]
        [point] = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric["MetricName"],
            Dimensions=metric["Dimensions"],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
            Period=7_200,
            Statistics=["Average"],
        )["Datapoints"]
        found[metric["MetricName"]] = point["Average"]
    return found


def test_one_run_keeps_the_months_and_publishes_what_stands(
    audit: Lab, operator: Operator, secrets: Any
):
    later = datetime.now(UTC) + timedelta(days=400)
    write(audit, date(2199, 1, 1))
    report = housekeeping.keep(operator, VARIABLES, secrets, now=later, keep_months=13)
    assert len(report["partitions"]["made"]) == 4
    assert report["certificate_days"] == {}  # without an authority nobody is verified
    assert report["password_days"].keys() == {"cluster/master", "replication"}
    found = figures(report)
    assert found.pop("PasswordAgeDays") == pytest.approx(400, abs=1)
    assert found == {"AuditMonthsAhead": 3, "AuditDefaultRows": 1}


def test_what_cannot_be_asked_is_named_and_its_figure_is_missing(audit: Lab, secrets: Any):
    """A missing figure is in alarm: nobody may take it for a good one."""
    audit.by_name[NODE].stop()
    variables = VARIABLES | {"TRANSACTION_SECRET": "deleted"}
    with audit.operator() as operator:
        report = housekeeping.keep(operator, variables, secrets, now=NOW, keep_months=13)
    assert "error" in report["partitions"]
    assert "error" in report["password_days"]["deleted"]
    assert figures(report) == {}


def test_a_copy_that_takes_no_writes_is_left_alone(audit: Lab, servers: PostgresServers):
    copy = Lab(servers)
    copy.add(NODE, servers.standby("transaction-copy", of=audit.by_name[NODE]))
    audit.by_name[NODE].wait(
        "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
    )
    with copy.operator() as operator:
        report = housekeeping.keep(operator, {}, None, now=NOW, keep_months=13)
    servers.remove(copy.by_name[NODE])
    assert report["partitions"] == {"standby": True}


def test_the_days_that_a_certificate_has_left_are_those_of_the_first_to_expire(
    servers: PostgresServers, tmp_path: Path
):
    settings = Authority(tmp_path / "authority", servers.folder).settings("127.0.0.1")
    server = servers.start("encrypted", **settings)
    authorities = tmp_path / "authority" / "authority.pem"
    lab = Lab(servers)
    lab.add(NODE, server)
    node = replace(lab.nodes[NODE], dsn="host=127.0.0.1")
    now = datetime.now(UTC)
    left = housekeeping.days_left(node, authorities, now=now)
    assert left > 1
    assert housekeeping.days_left(node, authorities, now=now + timedelta(days=1)) == left - 1
    with Operator({NODE: node}) as operator:
        variables = {"PGSSLROOTCERT": str(authorities)}
        report = housekeeping.keep(operator, variables, None, now=now, keep_months=13)
    assert report["certificate_days"] == {NODE: left}
    with Operator({NODE: node}) as operator:
        variables = {"PGSSLROOTCERT": str(_another(tmp_path))}
        report = housekeeping.keep(operator, variables, None, now=now, keep_months=13)
    assert "CERTIFICATE_VERIFY_FAILED" in report["certificate_days"][NODE]["error"]
    servers.remove(server)


def _another(folder: Path) -> Path:
    Authority(folder / "other", folder)
    return folder / "other" / "authority.pem"


def test_a_node_that_signs_its_own_certificate_is_not_measured():
    node = DatabaseNode(
        name="follower",
        store="entity",
        dsn="host=10.0.0.1 sslmode=require",
        host="10.0.0.1",
        port=5432,
        database="mainstay",
    )
    with Operator({"follower": node}) as operator:
        report = housekeeping.keep(
            operator, {"PGSSLROOTCERT": "none"}, None, now=NOW, keep_months=13
        )
    assert report["certificate_days"] == {}
    assert "error" in report["partitions"]  # there is no transaction store at all
