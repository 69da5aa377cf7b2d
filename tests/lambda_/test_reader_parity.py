"""READ_ONLY that an alarm enters gives the master that is read as many readers as the other has."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions import reader_parity
from functions.control_table import mode
from functions.read_only_events.causes import EntryCause, EntryKind
from functions.read_only_events.handler import NotEverywhereError, respond
from tests.lambda_.conftest import create_control_table
from tests.upgrade.fake_rds import SOURCE, TARGET, FakeRds

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
REGION = "us-east-1"
READERS = {"region": REGION, "source": SOURCE, "target": TARGET}
CAUSE = EntryCause(kind=EntryKind.LAG, by="alarm behind", reason="lag", at=NOW)


class Account:
    """A Region with its mode, a topic, and clusters whose readers come and go."""

    def __init__(self) -> None:
        self.clients = {
            name: boto3.client(name, region_name=REGION)
            for name in ("dynamodb", "sns", "application-autoscaling")
        }
        create_control_table(self.clients["dynamodb"])
        mode.begin(self.clients["dynamodb"], "control", by="bootstrap", at=NOW)
        self.topic = self.clients["sns"].create_topic(Name="operators")["TopicArn"]
        self.rds = FakeRds(self.clients["application-autoscaling"], lambda: NOW)
        self.clients["rds"] = self.rds

    def respond(self) -> Any:
        return respond(
            CAUSE,
            tables={REGION: "control"},
            topic=self.topic,
            client=lambda service, _: self.clients[service],
            now=NOW,
            readers=READERS,
        )


@pytest.fixture
def account():
    with mock_aws():
        yield Account()


def test_an_alarm_raises_the_least_readers_of_the_master_that_is_read(account):
    report = account.respond()["report"]
    assert account.rds.least() == 4
    assert f"{TARGET} takes all reads: at least 4 readers, 2 are available" in report


def test_again_it_raises_nothing_more_and_lowers_nothing(account):
    account.respond()
    account.rds.readers[SOURCE] = account.rds.readers[SOURCE][:1]
    account.respond()
    assert account.rds.least() == 4


def test_a_minimum_that_a_person_has_raised_stays(account):
    reader_parity.set_least(account.clients["application-autoscaling"], TARGET, 6)
    account.respond()
    assert account.rds.least() == 6


def test_clusters_that_do_not_answer_keep_no_region_from_being_entered(account):
    def away(**_: Any) -> Any:
        raise RuntimeError("no answer")

    account.clients["rds"] = SimpleNamespace(describe_db_clusters=away)
    with pytest.raises(NotEverywhereError, match="readers of entity-b: .*no answer"):
        account.respond()
    assert mode.known(account.clients["dynamodb"], "control").mode is mode.Mode.READ_ONLY


def test_where_nothing_scales_there_is_nothing_to_raise(account):
    scaling = account.clients["application-autoscaling"]
    scaling.deregister_scalable_target(
        ServiceNamespace="rds",
        ResourceId=f"cluster:{TARGET}",
        ScalableDimension="rds:cluster:ReadReplicaCount",
    )
    assert not [line for line in account.respond()["report"] if TARGET in line]
