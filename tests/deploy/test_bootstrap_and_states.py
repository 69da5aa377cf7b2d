"""The CDK's bootstrap in every Region, and stacks that are busy or stuck."""

import pytest

from deploy.checks.bootstrap import bootstrap
from deploy.checks.stack_states import stack_states
from deploy.live import LiveStack, live_stack
from tests.deploy.conftest import raise_stack, stack

PARAMETER = "/cdk-bootstrap/hnb659fds/version"


@pytest.fixture(scope="module")
def stacks(production):
    return tuple(production.stacks.values())


def bootstrapped(clients, region, version):
    clients("ssm", region).put_parameter(
        Name=PARAMETER, Value=version, Type="String", Overwrite=True
    )


class TestBootstrap:
    def test_missing_anywhere_is_named_for_every_region_at_once(self, account, stacks):
        east, west = bootstrap(account, stacks)
        assert east.what == (
            f"us-east-1 is not bootstrapped for the CDK: it has no parameter {PARAMETER}"
        )
        assert east.fix == "npx cdk bootstrap aws://111122223333/us-east-1"
        assert west.fix == "npx cdk bootstrap aws://111122223333/us-west-2"

    def test_must_be_as_new_as_the_assembly_asks(self, account, stacks):
        newest = max(one.bootstrap_version for one in stacks)
        bootstrapped(account, "us-east-1", str(newest))
        bootstrapped(account, "us-west-2", str(newest - 1))
        (problem,) = bootstrap(account, stacks)
        assert problem.what == (
            f"the CDK's bootstrap of us-west-2 is version {newest - 1}, {newest} is needed"
        )

    def test_is_complete_when_every_region_has_it(self, account, stacks):
        for region in ("us-east-1", "us-west-2"):
            bootstrapped(account, region, "30")
        assert list(bootstrap(account, stacks)) == []


def at(status, *, protected=False):
    return LiveStack(name="mainstay-x", region="us-west-2", status=status, protected=protected)


class TestStates:
    @pytest.mark.parametrize(
        "status",
        ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"],
    )
    def test_that_a_deploy_takes_on_are_no_problem(self, status):
        assert list(stack_states({"us-west-2/X": at(status)})) == []

    def test_that_are_in_somebody_elses_hands_are_waited_for(self):
        (problem,) = stack_states({"us-west-2/X": at("UPDATE_IN_PROGRESS")})
        assert "somebody or something is changing mainstay-x" in problem.what
        assert problem.fix.startswith("wait until it has ended")

    @pytest.mark.parametrize(
        ("status", "mend"),
        [
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --region us-west-2"),
            ("DELETE_FAILED", "delete-stack --region us-west-2 --stack-name mainstay-x"),
            ("UPDATE_FAILED", "npx cdk rollback --app cdk.out us-west-2/X"),
        ],
    )
    def test_that_are_stuck_come_with_their_way_out(self, status, mend):
        (problem,) = stack_states({"us-west-2/X": at(status)})
        assert status in problem.what
        assert mend in problem.fix

    def test_a_protected_stack_that_never_came_up_cannot_be_replaced(self):
        (problem,) = stack_states({"us-west-2/X": at("ROLLBACK_COMPLETE", protected=True)})
        assert "--no-enable-termination-protection" in problem.fix

    def test_are_read_from_cloudformation(self, account):
        one = stack("us-west-2/Logs", {"Topic": {"Type": "AWS::SNS::Topic"}}, protected=True)
        raise_stack(account, one)
        found = live_stack(account("cloudformation", "us-west-2"), "us-west-2", one["name"])
        assert found is not None
        assert (found.status, found.protected) == ("CREATE_COMPLETE", True)
        assert live_stack(account("cloudformation", "us-east-1"), "us-east-1", one["name"]) is None
