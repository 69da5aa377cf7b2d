"""Pages that need an account and no database: their symptom in moto, their commands as printed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import audit, region, tenant
from cli.errors import CommandRefusedError
from functions.control_table.acknowledgements import acknowledge
from functions.control_table.mode import Mode, State
from mainstay.dns import region_exit
from tests.runbooks.account import ACCOUNT, ENVIRONMENT, PRIMARY, REGIONS, STANDBY, Account, aws
from tests.runbooks.conftest import Pages

LOG_FORMAT = Path(__file__).parents[2] / "constructs/mainstay/edge/nginx/conf/log.conf"


def test_edge_mode(account: Account, run_page: Pages):
    """A task refuses writes by itself, and nobody sees why; then the mode is changed by hand."""
    dynamodb, table = aws("dynamodb", STANDBY), account.table(STANDBY)
    state, now = account.mode(STANDBY), datetime.now(UTC)
    account.add_service(STANDBY, "app", "blue", tasks=("t1",))
    mute = {"layer": "app", "task_id": "t1", "at": now}
    acknowledge(dynamodb, table, state=_read_only(state), **mute)
    run = run_page("edge-mode", account, region=STANDBY)
    assert "disagrees: READ_ONLY by itself" in run.next().output
    run.next()
    entered = account.mode(STANDBY)
    assert (entered.mode, entered.reason) == ("READ_ONLY", "why")
    acknowledge(dynamodb, table, state=entered, **mute)
    run.next(epoch=str(entered.epoch))
    assert account.mode(STANDBY).mode == "READ_WRITE"


def _read_only(state: State) -> State:
    return replace(state, mode=Mode.READ_ONLY)


def test_region_leaves_dns(account: Account, run_page: Pages):
    run = run_page("region-leaves-dns", account, region=PRIMARY)
    run.next()
    assert _switch() == [1.0]
    # CloudWatch's own part: the data point sets the alarm, which the health check reads.
    account.set_alarm(region.alarm_name(ENVIRONMENT, PRIMARY), "ALARM", STANDBY)
    assert "out of dns: true" in run.next().output
    run.next()
    assert sorted(_switch()) == [0.0, 1.0]


def _switch() -> list[float]:
    """The data points in the Region that stays."""
    now = datetime.now(UTC)
    found = aws("cloudwatch", STANDBY).get_metric_data(
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        MetricDataQueries=[
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": region_exit.exit_namespace(ENVIRONMENT),
                        "MetricName": region.METRIC,
                        "Dimensions": [{"Name": "Region", "Value": PRIMARY}],
                    },
                    "Period": 60,
                    "Stat": statistic,
                },
            }
            for number, statistic in enumerate(("Minimum", "Maximum"))
        ],
    )["MetricDataResults"]
    return sorted({value for each in found for value in each["Values"]})


def test_the_names_of_the_switch_are_the_template_s():
    assert region.METRIC == region_exit.METRIC
    assert region.alarm_name("x", "y") == region_exit.exit_alarm_name("x", "y")


@pytest.fixture(scope="module")
def queues(account: Account) -> dict[str, str]:
    sqs = aws("sqs")
    account.add_stack(PRIMARY, "events")
    made = {}
    for name in ("Events", "DeadLetters"):
        made[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        account.add_resource(
            PRIMARY, "events", "AWS::SQS::Queue", made[name], logical=f"Audit{name}1"
        )
    return made


def test_audit_queue(account: Account, run_page: Pages, queues: dict[str, str]):
    sqs = aws("sqs")
    for number in range(25):
        body = json.dumps({"event": number})
        sqs.send_message(QueueUrl=queues["DeadLetters"], MessageBody=body)
    run = run_page("audit-queue", account)
    assert "set aside: 25" in run.next().output
    moved = run.next().output
    assert "redriven: 25" in moved
    assert "set aside: 0" in moved
    found: set[int] = set()
    while got := sqs.receive_message(QueueUrl=queues["Events"], MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found |= {json.loads(each["Body"])["event"] for each in got}
    assert found == set(range(25))


def test_an_event_that_could_not_be_sent_is_not_deleted(queues: dict[str, str], monkeypatch):
    sqs = aws("sqs")
    sqs.send_message(QueueUrl=queues["DeadLetters"], MessageBody="kept")
    messages = sqs.receive_message(QueueUrl=queues["DeadLetters"], VisibilityTimeout=0)["Messages"]

    class Refusing:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Successful": [], "Failed": [{"Id": "0"}]}

    assert audit._moved(Refusing(), queues, messages) == 0
    assert sqs.receive_message(QueueUrl=queues["DeadLetters"])["Messages"]


@pytest.fixture(scope="module")
def firewall(account: Account) -> None:
    for each in REGIONS:
        visibility = {
            "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True,
            "MetricName": "acl",
        }
        own = {
            "Name": "ClientOfTenant",
            "Priority": 0,
            "Statement": {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}},
            "Action": {"Block": {}},
            "VisibilityConfig": visibility,
        }
        made = aws("wafv2", each).create_web_acl(
            Name="acl",
            Scope="REGIONAL",
            DefaultAction={"Allow": {}},
            VisibilityConfig=visibility,
            Rules=[own],
        )["Summary"]
        account.add_stack(each, "edge")
        physical = f"{made['Name']}|{made['Id']}|REGIONAL"
        account.add_resource(each, "edge", "AWS::WAFv2::WebACL", physical)
    account.add_stack(PRIMARY, "logs")
    aws("logs").create_log_group(logGroupName="edge")
    account.add_resource(PRIMARY, "logs", "AWS::Logs::LogGroup", "edge", logical="LogsEdge1")


def _rules(each: str) -> list[tuple[int, str, str]]:
    wafv2 = aws("wafv2", each)
    [acl] = wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"]
    found = wafv2.get_web_acl(Name=acl["Name"], Id=acl["Id"], Scope="REGIONAL")["WebACL"]
    return [(r["Priority"], r["Name"], next(iter(r["Statement"]))) for r in found["Rules"]]


def test_tenant_floods(account: Account, run_page: Pages, firewall: None):
    """moto answers every query of a log with what the test put there: CloudWatch's own part."""
    account.query_results = [
        {"tenant": "acme", "client": "203.0.113.7", "status": "200", "requests": "900"},
        {"tenant": "acme", "client": "203.0.113.7", "status": "429", "requests": "9000"},
        {"tenant": "globex", "client": "203.0.113.8", "status": "503", "requests": "12"},
    ]
    run = run_page("tenant-floods", account, tenant="acme")
    top = [line.split() for line in run.next().output.splitlines()]
    assert ["acme", "9900", "9000", "0"] in top
    assert ["globex", "12", "0", "12"] in top
    assert ["203.0.113.7", "9900", "9000", "0"] in [
        line.split() for line in run.next().output.splitlines()
    ]
    run.next()
    own = (1, "ClientOfTenant", "RateBasedStatement")
    for each in REGIONS:
        assert _rules(each) == [(0, "ByHand-acme", "RateBasedStatement"), own]
    run.next()
    for each in REGIONS:
        assert _rules(each) == [(0, "ByHand-acme", "ByteMatchStatement"), own]
    run.next()
    for each in REGIONS:
        assert _rules(each) == [(0, *own[1:])]


def test_failing_answers(account: Account, run_page: Pages, firewall: None):
    """Writes are answered 503 in READ_ONLY, and a release was rolled back: each is told apart."""
    account.add_service(PRIMARY, "app", "green", tasks=("t2",))
    for layer in ("edge", "worker"):
        account.add_stack(PRIMARY, layer)
    account.query_results = [
        {"refused": "read-only", "status": "503", "requests": "400"},
        {"status": "200", "requests": "9000"},
    ]
    run = run_page("failing-answers", account)
    assert "READ_WRITE" in run.next().output
    lines = [line.split() for line in run.next().output.splitlines()]
    assert ["read-only", "400", "0", "400"] in lines
    assert "FAILED" in run.next().output


@pytest.fixture(scope="module")
def clocks(account: Account) -> dict[str, str]:
    """The schedules of the backups, each with a target of its kind, as the templates have them."""
    account.add_stack(STANDBY, "backupjobs")
    account.add_stack(PRIMARY, "housekeeping")
    arns = {
        "AgesLook": f"arn:aws:lambda:{STANDBY}:{ACCOUNT}:function:ages",
        "Archive": f"arn:aws:states:{STANDBY}:{ACCOUNT}:stateMachine:archive",
        "DumpsDumpEntity": f"arn:aws:ecs:{STANDBY}:{ACCOUNT}:cluster/dumps",
        "Clock": f"arn:aws:ecs:{PRIMARY}:{ACCOUNT}:cluster/operations",
    }
    network = {"awsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]}}
    task = {
        "TaskDefinitionArn": "family",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": network,
    }
    for name, arn in arns.items():
        target: dict[str, Any] = {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
        if ":ecs:" in arn:
            target["EcsParameters"] = task
        place, tier = (PRIMARY, "housekeeping") if name == "Clock" else (STANDBY, "backupjobs")
        if name == "Clock":
            command = ["housekeeping", "--keep-months", "25"]
            target["Input"] = json.dumps({"containerOverrides": [{"command": command}]})
        aws("scheduler", place).create_schedule(
            Name=name,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
        account.add_resource(
            place, tier, "AWS::Scheduler::Schedule", name, logical=f"{name}Schedule1"
        )
    return arns


def test_housekeeping(account: Account, run_page: Pages, clocks: dict[str, str]):
    run_page("housekeeping", account).next()
    [started] = [one for one in account.started if one["cluster"] == clocks["Clock"]]
    assert "--keep-months" in json.dumps(started["overrides"])


def test_backup_too_old(account: Account, run_page: Pages, clocks: dict[str, str]):
    run = run_page("backup-too-old", account, standby=STANDBY, job="DumpsDumpEntity")
    assert "backupjobs/DumpsDumpEntity" in run.next().output
    run.next()
    [started] = [one for one in account.started if one["cluster"] == clocks["DumpsDumpEntity"]]
    found = started["networkConfiguration"]["awsvpcConfiguration"]
    assert (found["subnets"], found["securityGroups"]) == (["subnet-1"], ["sg-1"])


def test_every_field_of_the_query_stands_in_the_edge_s_log():
    for field in (*tenant.COUNTED_BY, "status"):
        assert f'"{field}":' in LOG_FORMAT.read_text()


def test_a_tenant_is_matched_by_its_own_name_and_no_other_s():
    """`x-acme` and `acme-2` are other tenants."""
    matched = tenant._host("acme")["ByteMatchStatement"]
    assert (matched["PositionalConstraint"], matched["SearchString"]) == ("STARTS_WITH", b"acme.")
    assert matched["TextTransformations"] == [{"Priority": 0, "Type": "LOWERCASE"}]


@pytest.mark.parametrize("name", ["", "a.b", "ACME", "-a", "a" * 64])
def test_what_is_no_tenant_s_label_is_refused(name):
    with pytest.raises(CommandRefusedError, match="a tenant's label"):
        tenant._host(name)
