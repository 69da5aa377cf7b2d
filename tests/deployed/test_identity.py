"""Roles and what they may do, by AWS IAM of the deployed production."""

import pytest

from config.environments import PRODUCTION

# Actions that know no resources (Service Authorization Reference): the only ones granted on "*".
_WITHOUT_RESOURCES = {
    "application-autoscaling:DescribeScalableTargets",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:PutMetricData",  # into one namespace, by a condition
    "dynamodb:ListExports",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
    "ecr:GetAuthorizationToken",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",  # by service or family, of which it knows neither
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetHealth",
    "iam:ListRoles",  # by their path, which is a filter and no resource
    "redshift-data:DescribeStatement",  # of the caller's own statements
    "redshift-data:GetStatementResult",
    # By which Step Functions sets up the delivery of a machine's log, and sends its traces.
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture
def iam(deployed):
    return deployed.client("iam", "us-east-1")


def _statements(iam, role: str) -> list[dict]:
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _listed(value) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_each_role_is_for_one_service_of_aws(deployed, iam):
    for role in deployed.of_type("AWS::IAM::Role"):
        found = iam.get_role(RoleName=role.ref)["Role"]
        (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert list(statement["Principal"]) == ["Service"]
        assert isinstance(statement["Principal"]["Service"], str)


def test_no_role_may_do_everything_of_a_service(deployed, iam):
    for role in deployed.of_type("AWS::IAM::Role"):
        for statement in _statements(iam, role.ref):
            for action in _listed(statement["Action"]):
                assert not action.endswith(":*"), f"{role.logical_id}: {action}"
                assert action != "*"


def test_every_resource_is_granted_only_what_knows_no_resources(deployed, iam):
    for role in deployed.of_type("AWS::IAM::Role"):
        for statement in _statements(iam, role.ref):
            if "*" in _listed(statement["Resource"]):
                assert set(_listed(statement["Action"])) <= _WITHOUT_RESOURCES, role.logical_id


def test_servers_reach_what_they_use_by_its_name(deployed, iam):
    """Only the execution role pulls the image and writes the log."""
    services = {
        "-edge": {"dynamodb"},
        "-app": {"dynamodb", "kms", "rds-db", "redshift-data", "redshift-serverless", "sqs"},
        "-worker": {"dynamodb", "kms", "rds-db", "sqs"},
    }
    for definition in deployed.of_type("AWS::ECS::TaskDefinition"):
        if definition.stack.endswith(("-operations", "-backupjobs")):
            continue  # no server: a task that a person or a clock starts
        ecs = deployed.client("ecs", definition.region)
        found = ecs.describe_task_definition(taskDefinition=definition.ref)["taskDefinition"]
        role = found["taskRoleArn"].rpartition("/")[2]
        allowed = {
            action.partition(":")[0]
            for statement in _statements(iam, role)
            for action in _listed(statement["Action"])
        }
        (expected,) = (own for end, own in services.items() if definition.stack.endswith(end))
        assert allowed == expected
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


def test_a_release_is_registered_in_the_two_live_families_alone(deployed, iam):
    for region in PRODUCTION.regions:
        role = deployed.named(region.name, "app", "AppLiveTaskDefinitionsRole")
        granted = {
            action: _listed(statement["Resource"])
            for statement in _statements(iam, role.ref)
            for action in _listed(statement["Action"])
        }
        family = f"arn:aws:ecs:{region.name}:{PRODUCTION.account}:task-definition/mainstay-"
        assert granted["ecs:RegisterTaskDefinition"] == [
            f"{family}{PRODUCTION.name}-{half}:*" for half in ("blue", "green")
        ]


def test_the_function_may_pass_on_the_roles_of_the_halves_alone(deployed, iam):
    for region in PRODUCTION.regions:
        role = deployed.named(region.name, "app", "AppLiveTaskDefinitionsRole")
        (passing,) = [
            statement
            for statement in _statements(iam, role.ref)
            if "iam:PassRole" in _listed(statement["Action"])
        ]
        ecs = deployed.client("ecs", region.name)
        roles = {
            ecs.describe_task_definition(taskDefinition=task.ref)["taskDefinition"][kind]
            for task in deployed.of_type("AWS::ECS::TaskDefinition")
            if task.stack.endswith(f"{region.name}-app")
            for kind in ("taskRoleArn", "executionRoleArn")
        }
        assert set(passing["Resource"]) == roles
