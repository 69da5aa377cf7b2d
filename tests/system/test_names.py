"""Physical names only where something outside of the app must know them."""

from __future__ import annotations

import re

# Properties by which a resource gets a physical name, and which of ours have one.
NAME_PROPERTIES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
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
    "AWS::WAFv2::WebACL": "Name",
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
    r"mainstay-{name}-[a-z-]+/(master|replication|nodes)",
    r"mainstay-{name}-\d{{12}}-(archive|dumps)(-copy)?",  # what replication fills, by name
    r"mainstay-{name}-sessions",  # each Region's app tier knows its own replica by it
)


def test_physical_names_are_only_those_that_others_must_know(system):
    region = "|".join(system.regions)
    allowed = [
        re.compile(pattern.format(name=system.environment.name, region=f"({region})"))
        for pattern in ALLOWED
    ]
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            key = NAME_PROPERTIES.get(resource["Type"])
            name = resource.get("Properties", {}).get(key)
            if name is not None:
                where = f"{stack.name}: {logical_id} is named {name}"
                assert any(pattern.fullmatch(str(name)) for pattern in allowed), where


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
