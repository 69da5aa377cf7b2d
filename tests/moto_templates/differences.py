"""Where an API's answer says what was sent in other words, and what moto forgets."""

from __future__ import annotations

from typing import Any

import jmespath

# The sent member, and where the answer has it (JMESPath).
ANSWERED_AS: dict[str, dict[str, str]] = {
    "AWS::EC2::FlowLog": {"ResourceIds": "[ResourceId]"},
    "AWS::EC2::VPCEndpoint": {"SecurityGroupIds": "Groups[].GroupId"},
    "AWS::EC2::NetworkInterface": {"Groups": "Groups[].GroupId", "Tags": "TagSet"},
    "AWS::ECS::Service": {"cluster": "clusterArn", "taskDefinition": "taskDefinition"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "Name": "LoadBalancerName",
        "Subnets": "AvailabilityZones[].SubnetId",
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {"Name": "TargetGroupName"},
    "AWS::RDS::DBCluster": {
        "DBClusterParameterGroupName": "DBClusterParameterGroup",
        "DBSubnetGroupName": "DBSubnetGroup",
        "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
        "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
        "VpcSecurityGroupIds": "VpcSecurityGroups[].VpcSecurityGroupId",
    },
    "AWS::RDS::DBSubnetGroup": {"SubnetIds": "Subnets[].SubnetIdentifier"},
    "AWS::RDS::GlobalCluster": {
        "SourceDBClusterIdentifier": "GlobalClusterMembers[0].DBClusterArn"
    },
}

# Members that the API's answer leaves out by design.
_NOT_ANSWERED: dict[str, set[str]] = {
    "AWS::DynamoDB::GlobalTable": {
        "OnDemandThroughput",
        "SSESpecification",
    },  # silence means a key that AWS owns
    "AWS::EC2::FlowLog": {"ResourceType"},
    "AWS::ElasticLoadBalancingV2::ListenerRule": {"ListenerArn"},
    "AWS::Lambda::Function": {"Code"},
    "AWS::RDS::DBCluster": {"MasterUserPassword"},
    "AWS::SecretsManager::Secret": {"SecretString"},  # an attachment adds to it
    "AWS::WAFv2::WebACL": {"Scope"},
}

# What moto 5.2.5 takes and forgets, so that only boto3's validation of it is tested here. The
# constructs' own tests assert these properties in the templates.
MOTO_FORGETS: dict[str, set[str]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": {"Tags"},
    "AWS::CertificateManager::Certificate": {"KeyAlgorithm"},  # answers RSA_2048
    "AWS::ECS::Service": {
        "availabilityZoneRebalancing",
        "deploymentConfiguration",
        "enableECSManagedTags",
        "healthCheckGracePeriodSeconds",
    },
    "AWS::Lambda::Function": {"DeadLetterConfig", "LoggingConfig"},
    "AWS::RDS::DBCluster": {
        "EngineLifecycleSupport",
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
    },
    "AWS::RDS::DBInstance": {
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
    },
    "AWS::RDS::GlobalCluster": {"Tags"},
    "AWS::SecretsManager::Secret": {"AddReplicaRegions"},  # answers a key of its own
    "AWS::Route53::HealthCheck": {"AlarmIdentifier", "InsufficientDataHealthStatus"},
}


def comparable(kind: str, sent: dict[str, Any], answer: Any) -> tuple[dict[str, Any], Any]:
    """What was sent and what was answered, in the same words, without what cannot be compared."""
    gone = MOTO_FORGETS.get(kind, set()) | _NOT_ANSWERED.get(kind, set())
    expected = _without(sent, gone)
    actual = dict(answer)
    for member, path in ANSWERED_AS.get(kind, {}).items():
        actual[member] = jmespath.search(path, answer)
    if "TagSpecifications" in expected:
        expected["Tags"] = expected.pop("TagSpecifications")[0]["Tags"]
    if kind == "AWS::ECS::Service":  # sent by name, answered with the ARN
        actual["cluster"] = actual["cluster"].rpartition("/")[2]
        actual["taskDefinition"] = actual["taskDefinition"].rpartition("/")[2].partition(":")[0]
        expected["taskDefinition"] = expected["taskDefinition"].rpartition("/")[2].partition(":")[0]
    if kind == "AWS::ElasticLoadBalancingV2::ListenerRule":
        expected["Priority"] = str(expected["Priority"])  # the API takes a number, answers text
    return expected, actual


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return value
