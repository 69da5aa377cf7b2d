"""`mainstay mode`, as a person types it: entering is free, leaving is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from cli.main import main
from functions import reader_parity
from functions.control_table import lock, mode
from functions.control_table.acknowledgements import acknowledge

PRIMARY, STANDBY = "us-east-1", "us-west-2"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_TABLE = f"control-{PRIMARY}"
_LIVE: dict[str, list[str]] = {}  # tasks that ECS runs in the primary Region, by layer


@cache
def _aws(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def _client(service: str, region: str) -> Any:
    """The account's, whose stacks are said to hold what the template makes of them."""
    if service == "ecs":
        return _ecs(region)
    if service != "cloudformation":
        return _aws(service, region)
    resources = {
        **{
            layer: [("AWS::ECS::Service", f"arn:aws:ecs:{region}:1:service/cluster/{layer}")]
            for layer in ("edge", "app", "worker")
        },
        "control": [("AWS::DynamoDB::GlobalTable", f"control-{region}")],
        "readonly": [
            ("AWS::CloudWatch::Alarm", f"lag-{region}"),
            ("AWS::CloudWatch::CompositeAlarm", f"down-{region}"),
        ],
    }
    masters = "entity-a,entity-b" if region == PRIMARY else "none"
    readers = "entity-b=2" if region == PRIMARY else "none"
    outputs = {"Regions": f"{PRIMARY},{STANDBY}", "Masters": masters, "Readers": readers}
    return SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(
            paginate=lambda StackName: [  # noqa: N803 (boto3's)
                {
                    "StackResourceSummaries": [
                        {
                            "LogicalResourceId": "Any",
                            "ResourceType": kind,
                            "PhysicalResourceId": name,
                        }
                        for kind, name in resources[StackName.rpartition("-")[2]]
                    ]
                }
            ]
        ),
        describe_stacks=lambda **_: {
            "Stacks": [
                {"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]}
            ]
        },
    )


def _ecs(region: str) -> Any:
    """Lists what `_LIVE` has; moto registers a task with a cluster of instances alone."""

    def pages(*, cluster: str, serviceName: str, desiredStatus: str) -> list[Any]:  # noqa: N803 (boto3's)
        assert (cluster, desiredStatus) == ("cluster", "RUNNING")
        names = _LIVE.get(serviceName, ()) if region == PRIMARY else ()
        return [{"taskArns": [f"arn:aws:ecs:{region}:1:task/cluster/{name}" for name in names]}]

    return SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=pages))


def _mode(region: str) -> mode.State:
    return mode.known(_aws("dynamodb", region), f"control-{region}")


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    """Two Regions that take writes, both masters with their writers, and no alarm in ALARM."""
    with mock_aws():
        _aws.cache_clear()
        _LIVE.clear()
        for region in (PRIMARY, STANDBY):
            keys = (("pk", "HASH"), ("sk", "RANGE"))
            _aws("dynamodb", region).create_table(
                TableName=f"control-{region}",
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
                BillingMode="PAY_PER_REQUEST",
            )
            mode.begin(_aws("dynamodb", region), f"control-{region}", by="bootstrap", at=NOW)
            _alarm(region, "OK")
        rds = _aws("rds", PRIMARY)
        for name in ("entity-a", "entity-b"):
            rds.create_db_cluster(
                DBClusterIdentifier=name,
                Engine="aurora-postgresql",
                MasterUsername="mainstay",
                MasterUserPassword="not-a-secret",
            )
            rds.create_db_instance(
                DBInstanceIdentifier=f"{name}-1",
                DBClusterIdentifier=name,
                DBInstanceClass="db.r8g.large",
                Engine="aurora-postgresql",
            )
        yield


@pytest.fixture
def run_command(capsys):
    """`said("leave", "--epoch", "2")`: the exit code and what was printed."""

    def run(command, *words):
        code = main(["mode", command, "--by", "me", *words], clients=_client)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_read_only_is_entered_shown_and_left_by_its_epoch(run_command):
    assert run_command("enter")[0] == 2  # without a reason
    code, printed = run_command("enter", "--reason", "the disk is full", "--json")
    assert code == 0
    assert json.loads(printed)["mode"] == "READ_ONLY"
    assert run_command("leave", "--reason", "fixed")[0] == 2  # without an epoch
    code, printed = run_command("leave", "--epoch", "1", "--reason", "fixed")
    assert code == 1
    assert "should be 2" in printed
    code, printed = run_command("leave", "--epoch", "2", "--reason", "fixed", "--json")
    assert code == 0
    assert json.loads(printed)["mode"] == "READ_WRITE"


def _alarm(region: str, state: str) -> None:
    cloudwatch = _aws("cloudwatch", region)
    cloudwatch.put_metric_alarm(
        AlarmName=f"lag-{region}",
        AlarmDescription="behind: docs/runbooks/read-only-by-itself.md",
        Namespace="a",
        MetricName="b",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=f"lag-{region}", StateValue=state, StateReason="a test")


@pytest.mark.parametrize("region", [PRIMARY, STANDBY])
def test_read_only_is_not_left_while_an_alarm_of_any_region_stands(run_command, region):
    run_command("enter", "--reason", "lag")
    _alarm(region, "ALARM")
    code, printed = run_command("leave", "--epoch", "2", "--reason", "impatience")
    assert code == 1
    assert f"the alarm lag-{region} of {region} is in ALARM: behind: docs/runbooks" in printed
    assert _mode(PRIMARY).mode == mode.Mode.READ_ONLY
    assert json.loads(run_command("show", "--region", PRIMARY, "--json")[1])["causes"][
        0
    ].startswith(f"the alarm lag-{region}")
    _alarm(region, "OK")
    assert run_command("leave", "--epoch", "2", "--reason", "fixed")[0] == 0


def test_read_only_is_not_left_while_a_master_is_away(run_command):
    run_command("enter", "--reason", "a move")
    _aws("rds", PRIMARY).delete_db_instance(DBInstanceIdentifier="entity-b-1")
    code, printed = run_command("leave", "--epoch", "2", "--reason", "impatience")
    assert (code, "the master entity-b has no writer" in printed) == (1, True)
    _aws("rds", PRIMARY).delete_db_cluster(DBClusterIdentifier="entity-b", SkipFinalSnapshot=True)
    code, printed = run_command("leave", "--epoch", "2", "--reason", "impatience")
    assert (code, "the master entity-b is not there" in printed) == (1, True)
    assert _mode(PRIMARY).mode == mode.Mode.READ_ONLY


def test_a_person_may_leave_past_a_cause_and_the_record_says_so(run_command):
    run_command("enter", "--reason", "lag")
    _alarm(STANDBY, "ALARM")
    assert run_command("leave", "--epoch", "2", "--force")[0] == 2  # without a reason
    code, printed = run_command(
        "leave", "--epoch", "2", "--force", "--reason", "the standby is gone"
    )
    assert code == 0, printed
    left = _mode(PRIMARY)
    assert left.mode == mode.Mode.READ_WRITE
    assert left.reason.startswith("the standby is gone (forced, although the alarm lag-us-west-2")


def test_what_cannot_be_asked_is_no_reason_to_leave(run_command):
    def away(service: str, region: str):
        if service == "rds":
            raise EndpointConnectionError(endpoint_url="https://rds")
        return _client(service, region)

    run_command("enter", "--reason", "a move")
    words = ["mode", "leave", "--table", _TABLE, "--epoch", "2", "--reason", "impatience"]
    assert main(words, clients=away) == 1
    assert _mode(PRIMARY).mode == mode.Mode.READ_ONLY


def test_no_force_leaves_past_the_lock_of_an_upgrade(run_command):
    _held_by_an_upgrade()
    _alarm(PRIMARY, "ALARM")
    code, printed = run_command("leave", "--epoch", "2", "--force", "--reason", "impatience")
    assert code == 1
    assert "mainstay upgrade resume" in printed
    assert "lag-us-east-1" in printed
    assert _mode(PRIMARY).mode == mode.Mode.READ_ONLY


def test_a_person_leaves_past_a_lock_by_its_token_after_reading_what_that_costs(run_command):
    _held_by_an_upgrade()
    words = ("leave", "--epoch", "2", "--reason", "nobody can go on")
    code, printed = run_command(*words)
    assert code == 1
    assert "--past-lock 'upgrade r'; it costs: that upgrade stops for good" in printed
    assert run_command(*words, "--past-lock", "another")[0] == 1
    assert run_command(*words, "--past-lock", "upgrade r")[0] == 0
    found = _mode(PRIMARY)
    assert found.mode == mode.Mode.READ_WRITE
    assert "upgrade r by me holds the lock" in found.reason


def _held_by_an_upgrade() -> None:
    dynamodb = _aws("dynamodb", PRIMARY)
    lock.acquire(dynamodb, _TABLE, holder="upgrade r by me", token="upgrade r", at=NOW)
    mode.enter_read_only(dynamodb, _TABLE, reason="r", by="upgrade r", at=NOW)


def test_nor_in_the_other_region_whose_own_lock_is_free(run_command):
    """An upgrade of both Regions holds the primary's lock alone."""
    _held_by_an_upgrade()
    other = f"control-{STANDBY}"
    who = {"reason": "r", "by": "upgrade r", "at": NOW}
    mode.enter_read_only(_aws("dynamodb", STANDBY), other, **who)
    words = ("--region", STANDBY, "--epoch", "2", "--reason", "impatience", "--force")
    assert run_command("leave", *words)[0] == 1
    assert _mode(STANDBY).mode == mode.Mode.READ_ONLY


def test_read_only_is_not_left_while_an_upgrade_holds_the_lock(run_command):
    _held_by_an_upgrade()
    code, printed = run_command("leave", "--epoch", "2", "--reason", "impatience")
    assert code == 1
    assert "mainstay upgrade resume" in printed
    assert _mode(PRIMARY).mode == mode.Mode.READ_ONLY


def _word(layer: str, task: str, state: mode.State) -> None:
    dynamodb, now = _aws("dynamodb", PRIMARY), datetime.now(UTC)
    acknowledge(dynamodb, _TABLE, layer=layer, task_id=task, state=state, at=now)


def _lines(printed: str) -> list[str]:
    return [" ".join(line.split()) for line in printed.splitlines()]


def test_a_person_reads_the_mode_of_each_region_who_obeys_it_and_what_stands(run_command):
    _LIVE.update(app=["t1"], edge=["t2"])
    _word("app", "t1", _mode(PRIMARY))
    run_command("enter", "--reason", "lag")
    _word("edge", "t2", _mode(PRIMARY))
    _alarm(PRIMARY, "ALARM")
    code, printed = run_command("show")
    assert code == 0
    lines = _lines(printed)
    assert lines[0].startswith(f"{PRIMARY}: READ_ONLY since ")
    assert lines[0].endswith("epoch 2, by me: lag")
    assert "edge t2 2 READ_ONLY" in lines
    assert any(line.startswith("app t1 1 READ_WRITE behind: obeys READ_WRITE") for line in lines)
    assert "1 edge, 1 app, 0 worker tasks: 1 DISAGREE, see the marks" in lines
    assert any(line.startswith(f"{STANDBY}: READ_WRITE since ") for line in lines)
    assert lines[-1].startswith(f"stands against leaving READ_ONLY: the alarm lag-{PRIMARY}")


def test_a_task_that_refuses_writes_by_itself_is_marked_and_a_dead_one_is_not_there(run_command):
    """As after a fence: the table says READ_WRITE, and so did every command."""
    _LIVE.update(app=["alive", "mute"])
    table = _mode(PRIMARY)
    _word("app", "alive", replace(table, mode=mode.Mode.READ_ONLY))
    _word("app", "dead", replace(table, mode=mode.Mode.READ_ONLY))
    lines = _lines(run_command("show", "--region", PRIMARY)[1])
    assert any(
        line.startswith("app alive 1 READ_ONLY disagrees: READ_ONLY by itself") for line in lines
    )
    assert "app mute silent: no word within 10 minutes" in lines
    assert not any("dead" in line for line in lines)
    assert lines[-1] == "0 edge, 2 app, 0 worker tasks: 2 DISAGREE, see the marks"
    found = json.loads(run_command("show", "--region", PRIMARY, "--json")[1])
    assert (found["disagreeing"], found["stopped"]) == (2, 1)


def test_a_region_that_does_not_answer_hides_no_other(run_command):
    def away(service: str, region: str):
        if region == STANDBY:
            raise EndpointConnectionError(endpoint_url="https://there")
        return _client(service, region)

    assert main(["mode", "show", "--by", "me"], clients=away) == 0


def test_where_ecs_does_not_answer_every_word_counts_and_that_is_printed(run_command, capsys):
    def away(service: str, region: str):
        if service == "ecs":
            raise EndpointConnectionError(endpoint_url="https://ecs")
        return _client(service, region)

    _word("app", "t1", _mode(PRIMARY))
    assert main(["mode", "show", "--region", PRIMARY], clients=away) == 0
    printed = capsys.readouterr().out
    assert "1 app" in printed
    assert "which of them run is not known" in printed


def test_leaving_gives_the_other_master_the_least_readers_of_its_template(run_command):
    scaling = _aws("application-autoscaling", PRIMARY)
    scaling.register_scalable_target(
        ServiceNamespace="rds",
        ResourceId="cluster:entity-b",
        ScalableDimension="rds:cluster:ReadReplicaCount",
        MinCapacity=4,
        MaxCapacity=8,
    )
    run_command("enter", "--reason", "a test", "--table", _TABLE)
    epoch = str(_mode(PRIMARY).epoch)
    arguments = ("--epoch", epoch, "--reason", "over", "--table", _TABLE)
    code, text = run_command("leave", *arguments)
    assert code == 0, text
    assert reader_parity.limits(scaling, "entity-b") == (2, 8)
