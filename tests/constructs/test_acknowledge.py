"""How a finding is accepted, and what is refused as an acceptance."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from mainstay.acknowledge import acknowledge

REASON = "This bucket holds the access logs themselves, and a log of the log would never end."


def test_accepts_a_finding_on_one_resource(stack):
    bucket = s3.Bucket(stack, "Bucket")
    acknowledge(bucket, {"AwsSolutions-S1": REASON})
    accepted = [
        entry.data for entry in bucket.node.metadata if entry.type == "aws:cdk:acknowledged-rules"
    ]
    assert [list(data.values()) for data in accepted] == [[REASON]]
    assert "AwsSolutions-S1" in str(accepted)


def test_refuses_to_accept_a_finding_for_a_whole_stack(stack):
    with pytest.raises(ValueError, match="'construct' should be one resource, got all of 'Test'"):
        acknowledge(stack, {"AwsSolutions-S1": REASON})


def test_refuses_to_accept_a_finding_for_the_whole_app():
    with pytest.raises(ValueError, match="'construct' should be one resource"):
        acknowledge(cdk.App(), {"AwsSolutions-S1": REASON})


@pytest.mark.parametrize("reason", ["", "False positive", "Not needed here, see the ticket."])
def test_refuses_a_reason_that_would_persuade_nobody(stack, reason):
    bucket = s3.Bucket(stack, "Bucket")
    with pytest.raises(
        ValueError, match="the reason for AwsSolutions-S1 should be a full sentence"
    ):
        acknowledge(bucket, {"AwsSolutions-S1": reason})
