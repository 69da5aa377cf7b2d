"""READ_ONLY by itself, in moto: which event enters it where, and that none ever leaves it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.control_table import lock, mode
from functions.control_table.mode import EpochPassedError, Mode, State
from functions.read_only_events import handler
from functions.read_only_events.causes import FAILOVERS, EntryKind, UnknownEventError, cause_of
from functions.read_only_events.entering import enter
from functions.read_only_events.handler import NotEverywhereError, respond
from tests.lambda_.conftest import create_control_table

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
MASTER = "arn:aws:rds:us-east-1:111122223333:cluster:mainstay-test-entity-a"
ALARMS = {"down": EntryKind.WRITER, "behind": EntryKind.LAG, "off": EntryKind.BROKEN}
REGIONS = ("us-east-1", "us-west-2")


def failover(event_id: str = "RDS-EVENT-0073", *, at: datetime = NOW, arn: str = MASTER) -> Any:
    """As Amazon RDS sends it (User Guide, "Creating a rule that triggers on an Aurora event")."""
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": "RDS DB Cluster Event",
        "source": "aws.rds",
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [arn],
        "detail": {
            "EventCategories": ["failover"],
            "SourceType": "CLUSTER",
            "SourceArn": arn,
            "Date": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "Message": "Started cross AZ failover to DB instance: reader-2",
            "SourceIdentifier": arn.rpartition(":")[2],
            "EventID": event_id,
        },
    }


def alarm(name: str = "behind", *, at: datetime = NOW, value: str = "ALARM") -> Any:
    """As CloudWatch sends it (User Guide, "Alarm events and EventBridge")."""
    moment = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
    return {
        "version": "0",
        "id": "2dde0eb1-528b-d2d5-9ca6-6d590caf2329",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [f"arn:aws:cloudwatch:us-east-1:111122223333:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "state": {"value": value, "reason": "3 datapoints were too much", "timestamp": moment},
            "previousState": {"value": "OK", "timestamp": moment},
        },
    }


def cause(event: Any) -> Any:
    return cause_of(event, masters=[MASTER], alarms=ALARMS)


class Account:
    """Two Regions' control tables, and the topic with somebody who reads it."""

    def __init__(self) -> None:
        self.clients = {
            (service, region): boto3.client(service, region_name=region)
            for service in ("dynamodb", "sns", "sqs")
            for region in REGIONS
        }
        sns, sqs = self.client("sns", "us-east-1"), self.client("sqs", "us-east-1")
        self.topic = sns.create_topic(Name="operators")["TopicArn"]
        self._queue = sqs.create_queue(QueueName="operator")["QueueUrl"]
        name = "arn:aws:sqs:us-east-1:123456789012:operator"
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=name)

    def begin(self) -> None:
        """As after the first deploy, whatever the test before has left."""
        for region in REGIONS:
            dynamodb = self.dynamodb(region)
            if "control" not in dynamodb.list_tables()["TableNames"]:
                create_control_table(dynamodb)
            for key in (mode.KEY, lock.KEY):
                dynamodb.delete_item(TableName="control", Key=key)
            mode.begin(dynamodb, "control", by="bootstrap", at=NOW)
        self.notices()

    def client(self, service: str, region: str) -> Any:
        return self.clients[service, region]

    def dynamodb(self, region: str = "us-east-1") -> Any:
        return self.client("dynamodb", region)

    def mode(self, region: str = "us-east-1") -> State:
        return mode.known(self.dynamodb(region), "control")

    def command(self, event: Any, *, at: datetime = NOW, regions: tuple[str, ...] = REGIONS) -> Any:
        tables = dict.fromkeys(regions, "control")
        return respond(cause(event), tables=tables, topic=self.topic, client=self.client, now=at)

    def notices(self) -> list[str]:
        """What the operators were told since they were asked last."""
        sqs = self.client("sqs", "us-east-1")
        found = sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        bodies = [json.loads(each["Body"]) for each in found.get("Messages", ())]
        for each in found.get("Messages", ()):
            sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])
        return [f"{body['Subject']}\n{body['Message']}" for body in bodies]

    def leave(self, at: datetime) -> State:
        found = self.mode()
        return mode.leave_read_only(
            self.dynamodb(), "control", epoch=found.epoch, reason="mended", by="ana", at=at
        )


@pytest.fixture(scope="module")
def regions() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.fixture
def account(regions: Account) -> Account:
    regions.begin()
    return regions


@pytest.mark.parametrize("event_id", FAILOVERS)
def test_a_failover_enters_read_only_in_every_region_and_says_why(account, event_id):
    account.command(failover(event_id))
    for region in REGIONS:
        found = account.mode(region)
        assert (found.mode, found.epoch) == (Mode.READ_ONLY, 2)
        assert found.by == f"{event_id} of mainstay-test-entity-a"
        assert "Started cross AZ failover to DB instance: reader-2" in found.reason
        assert "844e2571-85d4-695f-b930-0153b71dcb42" in found.reason
    [notices] = account.notices()
    assert event_id in notices
    assert "us-west-2: READ_ONLY entered, epoch 2" in notices
    assert "docs/runbooks/read-only-by-itself.md" in notices


@pytest.mark.parametrize("name", ["down", "behind"])
def test_an_alarm_enters_it_too(account, name):
    account.command(alarm(name))
    assert (account.mode().mode, account.mode().by) == (Mode.READ_ONLY, f"alarm {name}")


def test_a_broken_replica_is_told_and_stops_no_writes(account):
    account.command(alarm("off"))
    assert account.mode().mode == Mode.READ_WRITE
    [notices] = account.notices()
    assert "alarm off" in notices
    assert "READ_ONLY not entered" in notices


def test_an_event_that_is_delivered_again_changes_nothing_and_is_told_again(account):
    """Its first try may have ended before the operators were told."""
    account.command(failover())
    first = account.mode()
    account.notices()
    account.command(failover(), at=NOW + timedelta(minutes=1))
    assert account.mode() == first
    assert len(account.notices()) == 1


def test_whatever_follows_finds_it_entered_and_tells_nobody(account):
    account.command(failover("RDS-EVENT-0073"))
    first = account.mode()
    account.notices()
    account.command(failover("RDS-EVENT-0071", at=NOW + timedelta(seconds=30)))
    account.command(alarm("down"))
    assert account.mode() == first
    assert account.notices() == []


def test_a_persons_read_only_stays_the_person_s(account):
    for region in REGIONS:
        mode.enter_read_only(account.dynamodb(region), "control", reason="a move", by="ana", at=NOW)
    account.command(failover())
    assert (account.mode().by, account.mode().epoch) == ("ana", 2)
    assert account.notices() == []


def test_what_happened_before_somebody_left_does_not_enter_again(account):
    """A delivery that was late, or an alarm that stood when a person left in spite of it."""
    account.command(failover())
    account.notices()
    left = account.leave(NOW + timedelta(minutes=10))
    account.command(failover(), regions=("us-east-1",))
    account.command(alarm("behind", at=NOW + timedelta(minutes=9)), regions=("us-east-1",))
    assert account.mode() == left
    assert all("left READ_ONLY" in notices for notices in account.notices())


def test_what_happened_after_it_was_left_enters_again(account):
    account.command(failover())
    account.leave(NOW + timedelta(minutes=10))
    account.command(failover("RDS-EVENT-0072", at=NOW + timedelta(minutes=11)))
    assert (account.mode().mode, account.mode().epoch) == (Mode.READ_ONLY, 4)


def test_of_the_second_in_which_it_was_left_the_event_wins(account):
    """The table keeps whole seconds: in doubt writes wait."""
    account.command(failover())
    account.leave(NOW + timedelta(minutes=10, milliseconds=100))
    account.command(alarm("down", at=NOW + timedelta(minutes=10, milliseconds=900)))
    assert account.mode().mode == Mode.READ_ONLY


def test_an_upgrade_s_own_read_only_is_taken_from_it_by_a_failover(account):
    own = {"reason": "upgrade r", "by": "upgrade r", "at": NOW}
    for region in REGIONS:
        mode.enter_read_only(account.dynamodb(region), "control", **own)
    account.command(failover())
    assert (account.mode().epoch, account.mode().by[:14]) == (3, "RDS-EVENT-0073")
    with pytest.raises(EpochPassedError):
        mode.leave_read_only(account.dynamodb(), "control", epoch=2, **own)
    assert account.mode().mode == Mode.READ_ONLY


@pytest.mark.parametrize("name", ["behind", "off"])
def test_a_replica_that_an_upgrade_pauses_neither_enters_nor_tells(account, name):
    """It holds the lock of the primary Region alone, and has both."""
    lock.acquire(account.dynamodb(), "control", holder="ana", token="upgrade r", at=NOW)
    account.command(alarm(name))
    assert {account.mode(region).mode for region in REGIONS} == {Mode.READ_WRITE}
    assert account.notices() == []


def test_a_region_that_is_away_keeps_no_other_from_being_entered(account):
    account.dynamodb("us-west-2").delete_table(TableName="control")
    with pytest.raises(NotEverywhereError, match="us-west-2"):
        account.command(failover())
    assert account.mode().mode == Mode.READ_ONLY
    [notices] = account.notices()
    assert "us-west-2: FAILED" in notices


def test_a_region_that_was_never_begun_is_told_and_not_made_up(account):
    account.dynamodb().delete_item(TableName="control", Key=mode.KEY)
    with pytest.raises(NotEverywhereError, match="has no mode yet"):
        account.command(failover())
    assert mode.read(account.dynamodb(), "control") is None


def test_who_is_overtaken_between_look_and_change_looks_again(account, monkeypatch):
    """Somebody leaves just then: the event, which is newer, enters all the same."""
    taken, real = [], mode.hold_read_only

    def overtaken(dynamodb: Any, table: str, **given: Any) -> State:
        if not taken:
            taken.append(1)
            who = {"reason": "drill", "by": "ben", "at": NOW, "epoch": given["epoch"]}
            mode.change(dynamodb, table, mode=Mode.READ_WRITE, **who)
        return real(dynamodb, table, **given)

    monkeypatch.setattr(mode, "hold_read_only", overtaken)
    outcome = enter(account.dynamodb(), "control", cause(failover()), locked=None, now=NOW)
    assert (outcome.entered, outcome.state.epoch) == (True, 3)


@pytest.mark.parametrize(
    "event",
    [
        failover("RDS-EVENT-0169"),
        failover(arn=MASTER.replace("-a", "-of-others")),
        alarm("of-others"),
        alarm(value="OK"),
        {**failover(), "detail-type": "RDS DB Instance Event"},
        {**alarm(), "source": "aws.ec2"},
        {**failover(), "detail": {}},
        {**failover(), "detail": {**failover()["detail"], "Date": "yesterday"}},
        {"act": "leave"},
        {},
    ],
)
def test_fails_on_an_event_that_nobody_should_have_sent(event):
    with pytest.raises(UnknownEventError):
        cause(event)


def test_the_handler_reads_its_variables_and_refuses_what_it_does_not_know(account, monkeypatch):
    for name, value in {
        "TABLES": json.dumps({"us-east-1": "control"}),
        "MASTERS": json.dumps([MASTER]),
        "ALARMS": json.dumps(ALARMS),
        "TOPIC": account.topic,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(handler, "_client", account.client)
    with pytest.raises(UnknownEventError):
        handler.handler({"detail-type": "Scheduled Event"}, None)
    assert account.mode().mode == Mode.READ_WRITE
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert handler.handler(failover(at=tomorrow), None)["entered"] == ["us-east-1"]
    monkeypatch.delenv("TOPIC")
    with pytest.raises(KeyError):
        handler.handler(failover(at=tomorrow), None)


def test_from_no_state_does_any_event_make_read_write(account):
    """Every event on every state: the mode stays what it was, or becomes READ_ONLY."""
    dynamodb = account.dynamodb()
    states = {
        f"{each} by {by}": {"mode": each, "by": by} for each in Mode for by in ("ana", "upgrade r")
    }
    moments = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    shapes = (failover, alarm, lambda at: alarm("down", at=at), lambda at: alarm("off", at=at))
    seen = set()
    for (notices, given), held, shape, moment in itertools.product(
        states.items(), (False, True), shapes, moments
    ):
        epoch = account.mode().epoch
        mode.change(dynamodb, "control", reason="a test", at=NOW, epoch=epoch, **given)
        if held:
            who = {"reason": "before", "by": "alarm before", "at": NOW, "epoch": epoch + 1}
            mode.hold_read_only(dynamodb, "control", **who)
        before = account.mode()
        outcome = enter(dynamodb, "control", cause(shape(at=moment)), locked=None, now=NOW)
        after = account.mode()
        assert after == outcome.state
        assert after == before or (after.mode, after.epoch) == (Mode.READ_ONLY, before.epoch + 1)
        assert before.mode is Mode.READ_WRITE or after.mode is Mode.READ_ONLY, notices
        seen.add((before.mode, after.mode, after == before))
    assert seen == {
        (Mode.READ_WRITE, Mode.READ_WRITE, True),
        (Mode.READ_WRITE, Mode.READ_ONLY, False),
        (Mode.READ_ONLY, Mode.READ_ONLY, True),
        (Mode.READ_ONLY, Mode.READ_ONLY, False),
    }
