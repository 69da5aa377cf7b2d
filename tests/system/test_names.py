"""Physical names only where something outside of the app must know them."""

from __future__ import annotations

import json
import re

# Properties by which a resource gets a physical name, and which of ours have one.
NAME_PROPERTIES = {
    "AWS::Backup::BackupPlan": "BackupPlan.BackupPlanName",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBClusterParameterGroup": "DBClusterParameterGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::GlobalCluster": "GlobalClusterIdentifier",
    "AWS::RDS::Integration": "IntegrationName",
    "AWS::RedshiftServerless::Namespace": "NamespaceName",
    "AWS::RedshiftServerless::Workgroup": "WorkgroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Document": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::WAFv2::WebACL": "Name",
}
# CDK generates these from the construct's path alone, where we give none: the account keeps each
# name once, or, of a family, the revisions of all that have it.
ACCOUNT_WIDE = {
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupVault",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::ECS::TaskDefinition",
}
ALLOWED = (
    r"mainstay-{name}-{region}-left",  # a health check in the other Region reads the alarm
    r"aws-waf-logs-mainstay-{name}",  # AWS WAF writes only to groups that are named so
    # A cluster is named by its log group, by the Region switch, and in runbooks; a global database
    # by the copy that joins it, in another Region; both types of a warehouse demand a name.
    r"mainstay-{name}-(entity|transaction)(-(a|b|copy))?",
    r"mainstay-{name}-reporting",
    r"/aws/rds/cluster/mainstay-{name}-[a-z-]+/postgresql",  # where Amazon RDS writes
    # The copy of a secret, in another Region, is found by its name.
    r"mainstay-{name}-[a-z-]+/(master|replication|nodes|canary)",
    r"mainstay-{name}-\d{{12}}-(archive|dumps)(-copy)?",  # what replication fills, by name
    r"mainstay-{name}-sessions",  # each Region's app tier knows its own replica by it
    r"mainstay-{name}-(operations|upgrade)",  # the family and the machine that commands start
    r"mainstay-{name}-{region}-[a-z-]+",  # what else the account keeps by a name: a construct's own
)


def test_physical_names_are_only_those_that_others_must_know(system):
    region = "|".join(system.regions)
    allowed = [
        re.compile(pattern.format(name=system.environment.name, region=f"({region})"))
        for pattern in ALLOWED
    ]
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            name = _name(resource)
            if name is not None:
                where = f"{stack.name}: {logical_id} is named {name}"
                assert any(pattern.fullmatch(str(name)) for pattern in allowed), where


def _name(resource):
    """The physical name that a template gives; None where it gives none."""
    found = resource.get("Properties", {})
    for key in NAME_PROPERTIES.get(resource["Type"], "None").split("."):
        found = found.get(key, {})
    return found or None


def test_what_an_account_keeps_once_has_the_environment_s_name(system):
    """Two environments of one account would fight over it: their vault, or a family's revisions."""
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            if resource["Type"] in ACCOUNT_WIDE:
                name = _name(resource)
                assert f"-{system.environment.name}-" in str(name), f"{stack.name}: {logical_id}"


def test_every_metric_of_ours_is_written_read_and_let_write_as_the_environment_s(system):
    """A figure of one environment must not be another's; a role writes its own namespace alone."""
    own = rf"[Mm]ainstay/{system.environment.name}(/[A-Za-z]+)?"
    found = 0
    for stack in system.stacks.values():
        for path, value in _strings(stack.resources, ()):
            keys = ("Namespace", "MetricNamespace", "cloudwatch:namespace", "METRICS")
            if path[-1] in keys and not value.startswith("AWS/"):
                found += 1
                assert re.fullmatch(own, value), (stack.name, *path)
            if path[-1] == "MetricName" and path[-3:-1] == ("Properties", "VisibilityConfig"):
                assert system.environment.name in value, (stack.name, *path)
    assert found


def test_a_condition_on_our_tags_is_on_the_environment_s_tag_too(system):
    """Others in the account have volumes and snapshots of the same series."""
    for stack in system.stacks.values():
        for path, value in _statements(stack.resources, ()):
            conditions = json.dumps(value.get("Condition", {}))
            for kind in ("aws:ResourceTag", "aws:RequestTag"):
                if f"{kind}/mainstay:" in conditions:
                    equals = value["Condition"]["StringEquals"]
                    expected = system.environment.name
                    assert equals.get(f"{kind}/mainstay:environment") == expected, path


def _strings(value, path):
    """Every string of a template with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, path)
    elif isinstance(value, str):
        yield path, value


def _statements(value, path):
    """Every statement of a policy with its path."""
    if isinstance(value, dict):
        if "Effect" in value and "Action" in value:
            yield path, value
        for key, inner in value.items():
            yield from _statements(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _statements(inner, path)


def test_everything_that_can_be_tagged_names_its_environment(system):
    """But for the rule with the live weights, which an edit of tags would write again."""
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            properties = resource.get("Properties", {})
            for key in ("Tags", "HostedZoneTags", "HealthCheckTags"):
                if key in properties:
                    tag = {"Key": "mainstay:environment", "Value": system.environment.name}
                    # A scaling group's tags say besides that they are its instances' too.
                    found = [
                        {name: item[name] for name in ("Key", "Value")} for item in properties[key]
                    ]
                    assert tag in found, logical_id


def test_stacks_are_named_for_their_environment_region_and_part(system):
    name = system.environment.name
    for stack in system.stacks.values():
        assert stack.name == f"mainstay-{name}-dns" or re.fullmatch(
            rf"mainstay-{name}-{stack.region}-[a-z]+", stack.name
        )


def test_every_stack_says_what_it_is(system):
    for stack in system.stacks.values():
        assert stack.template["Description"].startswith("mainstay: ")
