"""No way to start passes with a finding: each gate is provoked, at each door.

The clone's composition stops after its first stack: the gates stand in app.py, above every stack,
and a start of the whole would take three times as long. That the whole passes with no finding is
what every test of the system rests on.
"""

from __future__ import annotations

import pytest

UNGUARDED = """
    aws_s3.Bucket(stack, "Unguarded")"""
# A subnet that CloudFormation would refuse, at deploy time, for its two zones.
MISPLACED = """
    aws_ec2.CfnSubnet(
        stack, "Misplaced", vpc_id="vpc-0123456789abcdef0", cidr_block="10.0.0.0/24",
        availability_zone="us-east-1a", availability_zone_id="use1-az1",
    )"""


@pytest.fixture(scope="module")
def clone_with(clone_of_repository):
    """A clone in whose first stack these statements stand."""

    def clone_with(statements: str):
        clone = clone_of_repository()
        first = "    zone = compose_zone(app, environment)\n"
        added = (
            "    from aws_cdk import aws_ec2, aws_s3\n"
            f"    stack = cdk.Stack.of(zone){statements}\n    return\n"
        )
        clone.edit("stacks/composition/environment.py", first, first + added)
        return clone

    return clone_with


@pytest.fixture(scope="module")
def unguarded(clone_with):
    return clone_with(UNGUARDED + MISPLACED)


@pytest.fixture(scope="module")
def unguarded_start(unguarded):
    return unguarded.start()


def names_the_finding(message: str) -> bool:
    """The rules of both packs, and where: not, say, that credentials are missing."""
    return all(
        words in message
        for words in (
            "Dns/Unguarded",
            "AwsSolutions-S1",
            "NIST.800.53.R5-S3BucketSSLRequestsOnly",
        )
    )


def test_app_py_fails_on_a_finding(unguarded_start):
    assert unguarded_start.exit_code == 1
    assert names_the_finding(unguarded_start.output)
    assert "acknowledge it on its construct" in unguarded_start.output


@pytest.mark.parametrize(
    "command",
    [
        ("diff",),
        ("deploy", "--all", "--require-approval", "never"),
        ("synth", "--quiet", "--ignore-errors"),
    ],
    ids=lambda command: f"{command[0]}{command[-1]}",
)
def test_the_cdk_cli_fails_on_a_finding(unguarded, command):
    started = unguarded.cdk(*command)
    assert started.exit_code == 1
    assert names_the_finding(started.output)
    assert "credentials" not in started.output


def test_the_cdk_cli_fails_to_deploy_what_a_failed_synth_left_behind(unguarded, unguarded_start):
    assert unguarded_start.exit_code == 1
    left_behind = str(unguarded.assembly)
    started = unguarded.cdk("deploy", "--all", "--require-approval", "never", app=left_behind)
    assert started.exit_code == 1
    assert names_the_finding(started.output)
    assert "credentials" not in started.output


def test_app_py_fails_on_what_cloudformation_would_refuse(unguarded_start):
    assert unguarded_start.exit_code == 1
    assert "CloudFormation-Validate::F3020" in unguarded_start.output


def test_app_py_fails_on_a_trap_of_deploy_time(unguarded_start):
    assert unguarded_start.exit_code == 1
    assert "Mainstay::zone-not-pinned" in unguarded_start.output


def test_no_context_value_turns_an_error_of_the_validator_into_a_warning(clone_with):
    started = clone_with(MISPLACED).cdk(
        "synth", "--quiet", "-c", "@aws-cdk/core:validateAgainstDefaultRules=false"
    )
    assert started.exit_code == 1
    assert "F3020" in started.output


def test_refuses_to_start_with_the_validator_off(unguarded):
    started = unguarded.start(CDK_VALIDATION="false")
    assert started.exit_code == 1
    assert "CDK_VALIDATION=false would switch off a gate of this app: unset it" in started.output
