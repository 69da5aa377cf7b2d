"""What every server of the edge and the app tier has in common: it may stop at any time."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.environments import PRODUCTION

# What CloudFormation has for servers that somebody must patch, count or replace.
MACHINES = (
    "AWS::EC2::Instance",
    "AWS::EC2::LaunchTemplate",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::ImageBuilder::ImagePipeline",
)


@pytest.fixture(scope="session")
def tasks(system):
    """Return the servers' tasks; a person or a clock starts those of operations and backups."""
    found = [
        task
        for task in system.of_type("AWS::ECS::TaskDefinition")
        if not task.stack.name.endswith(("-operations", "-backupjobs"))
    ]
    assert len(found) == 4 * len(system.regions)
    return found


@pytest.fixture(scope="session")
def target_groups(system):
    found = list(system.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"))
    assert len(found) == 3 * len(system.regions)
    return found


@pytest.fixture(scope="session")
def services(system):
    return [*system.services(), *system.workers()]


def containers(tasks):
    return [item for task in tasks for item in task.properties["ContainerDefinitions"]]


def test_every_container_has_a_read_only_root(tasks):
    assert all(container["ReadonlyRootFilesystem"] is True for container in containers(tasks))


def test_no_volume_outlives_its_task(tasks):
    """A volume with nothing but a name is Fargate's scratch space of one task."""
    for task in tasks:
        for volume in task.properties.get("Volumes", ()):
            assert set(volume) == {"Name"}


def test_tasks_run_on_graviton(tasks):
    for task in tasks:
        assert task.properties["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


def test_there_are_no_servers_to_look_after_but_the_delayed_replica_s(system, services):
    for kind in MACHINES:
        parts = {machine.stack.name.rpartition("-")[2] for machine in system.of_type(kind)}
        assert parts <= {"delayed"}
    assert {service.properties["LaunchType"] for service in services} == {"FARGATE"}


def test_tasks_have_no_public_address(services):
    for service in services:
        network = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"


def test_a_slow_log_never_stops_a_request(tasks):
    for container in containers(tasks):
        assert container["LogConfiguration"]["Options"]["mode"] == "non-blocking"


def test_every_tier_writes_to_its_own_log_group(system, tasks):
    found = {
        (task.stack.name.rpartition("-")[2], system.resource(task.stack, options).name)
        for task in tasks
        for container in task.properties["ContainerDefinitions"]
        for options in [container["LogConfiguration"]["Options"]["awslogs-group"]]
    }
    assert found == {("edge", "LogsEdge"), ("app", "LogsApp"), ("worker", "LogsApp")}


def test_the_longest_request_is_finished_before_a_task_leaves(
    system, tasks, target_groups, attributes
):
    longest = system.environment.front_door.longest_request_seconds
    for container in containers(tasks):
        if container["Essential"]:  # the sidecar answers nobody
            assert longest < container["StopTimeout"] <= 120
    for group in target_groups:
        delay = int(attributes(group.properties)["deregistration_delay.timeout_seconds"])
        assert delay > longest


def test_no_request_is_bound_to_a_server(system, target_groups, attributes):
    for group in target_groups:
        assert attributes(group.properties)["stickiness.enabled"] == "false"
    for kind in ("Listener", "ListenerRule"):
        for item in system.of_type(f"AWS::ElasticLoadBalancingV2::{kind}"):
            assert "Stickiness" not in str(item.properties)


def test_a_zone_with_half_its_targets_ill_is_left(target_groups, attributes):
    for group in target_groups:
        found = attributes(group.properties)
        for way in ("dns_failover", "unhealthy_state_routing"):
            name = f"target_group_health.{way}.minimum_healthy_targets.percentage"
            assert found[name] == "50"


def test_an_ill_target_is_left_within_twenty_seconds(target_groups):
    for group in target_groups:
        found = group.properties
        assert found["HealthCheckIntervalSeconds"] * found["UnhealthyThresholdCount"] <= 20
        assert found["HealthCheckPath"].startswith("/health")


def test_a_target_that_errs_more_than_its_peers_gets_less(target_groups, attributes):
    for group in target_groups:
        found = attributes(group.properties)
        assert found["load_balancing.algorithm.type"] == "weighted_random"
        assert found["load_balancing.algorithm.anomaly_mitigation"] == "on"


def test_new_tasks_start_before_old_ones_stop(services):
    for service in services:
        deployment = service.properties["DeploymentConfiguration"]
        assert deployment["MinimumHealthyPercent"] == 100
        assert deployment["MaximumPercent"] == 200


def test_a_deployment_that_does_not_become_healthy_rolls_back(services):
    for service in services:
        breaker = service.properties["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
        assert breaker == {"Enable": True, "Rollback": True}


def test_a_deployment_whose_answers_fail_rolls_back(system):
    for service in system.services():
        alarms = service.properties["DeploymentConfiguration"]["Alarms"]
        assert (alarms["Enable"], alarms["Rollback"]) == (True, True)
        [name] = alarms["AlarmNames"]
        alarm = system.resource(service.stack, name).properties
        metrics = {
            item["MetricStat"]["Metric"]["MetricName"]
            for item in alarm["Metrics"]
            if "MetricStat" in item
        }
        assert metrics == {"RequestCount", "HTTPCode_Target_5XX_Count"}
        [group] = service.properties["LoadBalancers"]
        assert group["TargetGroupArn"]["Ref"] in str(alarm["Metrics"])


def test_tasks_return_to_a_zone_that_comes_back(services):
    for service in services:
        assert service.properties["AvailabilityZoneRebalancing"] == "ENABLED"


def test_a_tier_s_own_role_may_use_its_own_stores_alone(system, tasks):
    """What each may do, by service; that it is the right table or server, test_stores tells."""
    follow = {"dynamodb:GetItem", "dynamodb:PutItem"}
    sessions = {
        *("dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:BatchGetItem"),
        *("kms:Decrypt", "kms:DescribeKey"),
    }
    send = {"sqs:SendMessage", "sqs:GetQueueAttributes", "kms:GenerateDataKey"}
    receive = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    login = {"rds-db:connect"}
    reports = {
        *("redshift-data:ExecuteStatement", "redshift-data:DescribeStatement"),
        *("redshift-data:GetStatementResult", "redshift-serverless:GetCredentials"),
    }
    if next(system.of_type("AWS::RedshiftServerless::Workgroup"), None) is None:
        reports = set()
    expected = {
        "edge": follow,
        "app": follow | sessions | send | login | reports,
        "worker": follow | receive | login | {"sqs:GetQueueAttributes", "kms:Decrypt"},
    }
    for task in tasks:
        role = system.resource(task.stack, task.properties["TaskRoleArn"])
        assert set(role.properties) <= {"AssumeRolePolicyDocument", "Path", "Tags"}
        allowed = {
            action
            for policy in system.of_type("AWS::IAM::Policy", task.stack.region)
            if policy.stack is task.stack and {"Ref": role.logical_id} in policy.properties["Roles"]
            for statement in policy.properties["PolicyDocument"]["Statement"]
            for action in (
                [statement["Action"]]
                if isinstance(statement["Action"], str)
                else statement["Action"]
            )
        }
        assert allowed == expected[task.stack.name.rpartition("-")[2]]


def test_every_server_is_told_how_long_its_stop_may_wait(production):
    longest = str(PRODUCTION.front_door.longest_request_seconds)
    tasks = [
        properties
        for stack, _, properties in production.of_type("AWS::ECS::TaskDefinition")
        if not stack.name.endswith(("-operations", "-worker", "-backupjobs"))
    ]
    assert tasks
    for task in tasks:
        container = task["ContainerDefinitions"][0]
        variables = {item["Name"]: item["Value"] for item in container["Environment"]}
        assert variables["LONGEST_REQUEST_SECONDS"] == longest


def test_the_tasks_of_backups_run_where_the_kernel_of_their_image_does(system):
    """User-mode Linux, by which a drill mounts a volume, is for x86-64 alone."""
    found = [
        task
        for task in system.of_type("AWS::ECS::TaskDefinition")
        if task.stack.name.endswith("-backupjobs")
    ]
    assert found
    for task in found:
        assert task.properties["RuntimePlatform"]["CpuArchitecture"] == "X86_64"
        assert {image.platform for image in task.stack.images} == {"linux/amd64"}
    lines = (Path(__file__).parents[2] / "dumps" / "Dockerfile").read_text()
    assert "user-mode-linux" in lines
