"""How each created resource is read back through the describing call of its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.moto_templates.api_shapes import missing
from tests.moto_templates.deployment import Resource, client

Reader = Callable[[Resource], Any]


def _described(service: str, call: str, by: str, path: str) -> Reader:
    """The first of a describe call's list, asked for by the resource's `Ref`."""

    def read(resource: Resource) -> Any:
        answer = getattr(client(service, resource.region), call)(**{by: [resource.ref]})
        return answer[path][0]

    return read


def _balanced(call: str, by: str, path: str) -> Reader:
    """Elastic Load Balancing tells tags by a call of their own."""
    described = _described("elbv2", call, by, path)

    def read(resource: Resource) -> Any:
        elbv2 = client("elbv2", resource.region)
        (tagged,) = elbv2.describe_tags(ResourceArns=[resource.ref])["TagDescriptions"]
        return {**described(resource), "Tags": tagged["Tags"]}

    return read


def _alarm(resource: Resource) -> Any:
    cloudwatch = client("cloudwatch", resource.region)
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[resource.ref])["MetricAlarms"]
    return {**alarm, **cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])}


def _rule(resource: Resource) -> Any:
    events = client("events", resource.region)
    rule = events.describe_rule(Name=resource.ref)
    targets = events.list_targets_by_rule(Rule=resource.ref)["Targets"]
    sent = resource.properties["Targets"]
    assert missing(sent, targets) == [], resource.logical_id
    return {**rule, **events.list_tags_for_resource(ResourceARN=rule["Arn"])}


def _permission(resource: Resource) -> Any:
    answer = client("lambda", resource.region).get_policy(
        FunctionName=resource.sent["FunctionName"]
    )
    statements = {each["Sid"]: each for each in json.loads(answer["Policy"])["Statement"]}
    found = statements[resource.ref]
    return {
        "StatementId": resource.ref,
        "FunctionName": found["Resource"],
        "Action": found["Action"],
        "Principal": found["Principal"]["Service"],
        "SourceArn": found["Condition"]["ArnLike"]["AWS:SourceArn"],
    }


def _metric_filter(resource: Resource) -> Any:
    logs = client("logs", resource.region)
    (found,) = logs.describe_metric_filters(
        logGroupName=resource.sent["logGroupName"], filterNamePrefix=resource.ref
    )["metricFilters"]
    return found


def _logging(resource: Resource) -> Any:
    return client("wafv2", resource.region).get_logging_configuration(ResourceArn=resource.ref)


def _health_check(resource: Resource) -> Any:
    route53 = client("route53", resource.region)
    return route53.get_health_check(HealthCheckId=resource.ref)["HealthCheck"]


def _zone(resource: Resource) -> Any:
    return client("route53", resource.region).get_hosted_zone(Id=resource.ref)["HostedZone"]


def _queue(resource: Resource) -> Any:
    sqs = client("sqs", resource.region)
    answer = sqs.get_queue_attributes(QueueUrl=resource.ref, AttributeNames=["All"])
    tags = sqs.list_queue_tags(QueueUrl=resource.ref)["Tags"]
    return {"QueueName": resource.ref.rpartition("/")[2], "tags": tags, **answer}


def _role(resource: Resource) -> Any:
    return client("iam", resource.region).get_role(RoleName=resource.ref)["Role"]


def _service(resource: Resource) -> Any:
    return client("ecs", resource.region).describe_services(
        cluster=resource.properties["Cluster"], services=[resource.ref], include=["TAGS"]
    )["services"][0]


def _cluster(resource: Resource) -> Any:
    return client("ecs", resource.region).describe_clusters(
        clusters=[resource.ref], include=["TAGS", "SETTINGS"]
    )["clusters"][0]


def _task_definition(resource: Resource) -> Any:
    answer = client("ecs", resource.region).describe_task_definition(
        taskDefinition=resource.ref, include=["TAGS"]
    )
    return {**answer["taskDefinition"], "tags": answer.get("tags")}


def _record(resource: Resource) -> Any:
    """The zone's record of that name, type and set, as in the change that made it."""
    change = resource.sent["ChangeBatch"]["Changes"][0]
    wanted = change["ResourceRecordSet"]
    pages = client("route53", resource.region).get_paginator("list_resource_record_sets")
    for page in pages.paginate(HostedZoneId=resource.sent["HostedZoneId"]):
        for record in page["ResourceRecordSets"]:
            keys = ("Name", "Type", "SetIdentifier")
            if all(record.get(key) == wanted.get(key) for key in keys):
                change = {"Action": "CREATE", "ResourceRecordSet": record}
                zone = resource.sent["HostedZoneId"]
                return {"HostedZoneId": zone, "ChangeBatch": {"Changes": [change]}}
    raise LookupError(f"no record {wanted}")


def _key(resource: Resource) -> Any:
    kms = client("kms", resource.region)
    policy = kms.get_key_policy(KeyId=resource.ref, PolicyName="default")["Policy"]
    tags = kms.list_resource_tags(KeyId=resource.ref)["Tags"]
    key = kms.describe_key(KeyId=resource.ref)["KeyMetadata"]
    return {**key, "Policy": policy, "Tags": tags}


def _log_group(resource: Resource) -> Any:
    logs = client("logs", resource.region)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=resource.ref)["logGroups"]
    tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
    return {**group, "tags": tags}


def _web_acl(resource: Resource) -> Any:
    waf = client("wafv2", resource.region)
    name, acl_id, scope = resource.ref.split("|")
    acl = waf.get_web_acl(Name=name, Id=acl_id, Scope=scope)["WebACL"]
    tags = waf.list_tags_for_resource(ResourceARN=acl["ARN"])["TagInfoForResource"]["TagList"]
    return {**acl, "Tags": tags}


def _association(resource: Resource) -> Any:
    balancer = resource.sent["ResourceArn"]
    waf = client("wafv2", resource.region)
    acl = waf.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]
    return {"ResourceArn": balancer, "WebACLArn": acl["ARN"]}


def _topic(resource: Resource) -> Any:
    sns = client("sns", resource.region)
    attributes = sns.get_topic_attributes(TopicArn=resource.ref)["Attributes"]
    tags = sns.list_tags_for_resource(ResourceArn=resource.ref)["Tags"]
    name = resource.ref.rpartition(":")[2]
    return {"Name": name, "Attributes": attributes, "Tags": tags}


def _topic_policy(resource: Resource) -> Any:
    attributes = client("sns", resource.region).get_topic_attributes(TopicArn=resource.ref)
    policy = json.dumps(json.loads(attributes["Attributes"]["Policy"]), sort_keys=True)
    return {"TopicArn": resource.ref, "AttributeName": "Policy", "AttributeValue": policy}


def _function(resource: Resource) -> Any:
    answer = client("lambda", resource.region).get_function(FunctionName=resource.ref)
    return {**answer["Configuration"], "Tags": answer.get("Tags", {})}


def _table(resource: Resource) -> Any:
    dynamodb = client("dynamodb", resource.region)
    table = dynamodb.describe_table(TableName=resource.ref)["Table"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    return {**table, "BillingMode": table["BillingModeSummary"]["BillingMode"], "Tags": tags}


def _inline_policy(resource: Resource) -> Any:
    role = resource.sent["RoleName"]
    iam = client("iam", resource.region)
    return iam.get_role_policy(RoleName=role, PolicyName=resource.sent["PolicyName"])


def _scalable_target(resource: Resource) -> Any:
    scaling = client("application-autoscaling", resource.region)
    return scaling.describe_scalable_targets(
        ServiceNamespace=resource.sent["ServiceNamespace"],
        ResourceIds=[resource.sent["ResourceId"]],
    )["ScalableTargets"][0]


def _scaling_policy(resource: Resource) -> Any:
    scaling = client("application-autoscaling", resource.region)
    found = scaling.describe_scaling_policies(
        ServiceNamespace=resource.sent["ServiceNamespace"], ResourceId=resource.sent["ResourceId"]
    )["ScalingPolicies"]
    return next(one for one in found if one["PolicyARN"] == resource.ref)


def _certificate(resource: Resource) -> Any:
    acm = client("acm", resource.region)
    certificate = acm.describe_certificate(CertificateArn=resource.ref)["Certificate"]
    tags = acm.list_tags_for_certificate(CertificateArn=resource.ref)["Tags"]
    method = certificate["DomainValidationOptions"][0]["ValidationMethod"]
    return {**certificate, "Tags": tags, "ValidationMethod": method}


def _rds(call: str, by: str, path: str, arn: str | None = None) -> Reader:
    """One of a describe call's list, asked for by name, with its tags where moto tells them."""

    def read(resource: Resource) -> Any:
        rds = client("rds", resource.region)
        answer = getattr(rds, call)(**{by: resource.ref})[path]
        (found,) = [one for one in answer if one[by] == resource.ref]  # moto may answer all
        if arn is None:
            return found
        tags = rds.list_tags_for_resource(ResourceName=found[arn])["TagList"]
        return {**found, "Tags": tags}

    return read


def _secret(resource: Resource) -> Any:
    secrets = client("secretsmanager", resource.region)
    value = secrets.get_secret_value(SecretId=resource.ref)
    return {**secrets.describe_secret(SecretId=resource.ref), **value}


def _profile(resource: Resource) -> Any:
    iam = client("iam", resource.region)
    return iam.get_instance_profile(InstanceProfileName=resource.ref)["InstanceProfile"]


def _launch_template(resource: Resource) -> Any:
    ec2 = client("ec2", resource.region)
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=resource.ref)[
        "LaunchTemplateVersions"
    ]
    (template,) = ec2.describe_launch_templates(LaunchTemplateIds=[resource.ref])["LaunchTemplates"]
    return {**version, "Tags": template["Tags"]}


def _vault(resource: Resource) -> Any:
    backup = client("backup", resource.region)
    vault = backup.describe_backup_vault(BackupVaultName=resource.ref)
    tags = backup.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"]
    return {**vault, "BackupVaultTags": tags}


def _plan(resource: Resource) -> Any:
    backup = client("backup", resource.region)
    plan = backup.get_backup_plan(BackupPlanId=resource.ref)
    return {**plan, "BackupPlanTags": backup.list_tags(ResourceArn=plan["BackupPlanArn"])["Tags"]}


def _schedule(resource: Resource) -> Any:
    return client("scheduler", resource.region).get_schedule(Name=resource.ref)


def _machine(resource: Resource) -> Any:
    steps = client("stepfunctions", resource.region)
    machine = steps.describe_state_machine(stateMachineArn=resource.ref)
    return {**machine, "tags": steps.list_tags_for_resource(resourceArn=resource.ref)["tags"]}


READERS: dict[str, Reader] = {
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::Queue": _queue,
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::Backup::BackupPlan": _plan,
    "AWS::Backup::BackupVault": _vault,
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::AutoScaling::AutoScalingGroup": _described(
        "autoscaling",
        "describe_auto_scaling_groups",
        "AutoScalingGroupNames",
        "AutoScalingGroups",
    ),
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::EC2::FlowLog": _described("ec2", "describe_flow_logs", "FlowLogIds", "FlowLogs"),
    "AWS::EC2::LaunchTemplate": _launch_template,
    "AWS::EC2::NetworkInterface": _described(
        "ec2", "describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces"
    ),
    "AWS::EC2::Volume": _described("ec2", "describe_volumes", "VolumeIds", "Volumes"),
    "AWS::EC2::InternetGateway": _described(
        "ec2", "describe_internet_gateways", "InternetGatewayIds", "InternetGateways"
    ),
    "AWS::EC2::RouteTable": _described(
        "ec2", "describe_route_tables", "RouteTableIds", "RouteTables"
    ),
    "AWS::EC2::SecurityGroup": _described(
        "ec2", "describe_security_groups", "GroupIds", "SecurityGroups"
    ),
    "AWS::EC2::Subnet": _described("ec2", "describe_subnets", "SubnetIds", "Subnets"),
    "AWS::EC2::VPC": _described("ec2", "describe_vpcs", "VpcIds", "Vpcs"),
    "AWS::EC2::VPCEndpoint": _described(
        "ec2", "describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints"
    ),
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::ElasticLoadBalancingV2::Listener": _balanced(
        "describe_listeners", "ListenerArns", "Listeners"
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": _described(
        "elbv2", "describe_rules", "RuleArns", "Rules"
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balanced(
        "describe_load_balancers", "LoadBalancerArns", "LoadBalancers"
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _balanced(
        "describe_target_groups", "TargetGroupArns", "TargetGroups"
    ),
    "AWS::Events::Rule": _rule,
    "AWS::IAM::InstanceProfile": _profile,
    "AWS::IAM::Policy": _inline_policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::RDS::DBCluster": _rds(
        "describe_db_clusters", "DBClusterIdentifier", "DBClusters", "DBClusterArn"
    ),
    "AWS::RDS::DBClusterParameterGroup": _rds(
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupArn",
    ),
    "AWS::RDS::DBInstance": _rds(
        "describe_db_instances", "DBInstanceIdentifier", "DBInstances", "DBInstanceArn"
    ),
    "AWS::RDS::DBSubnetGroup": _rds(
        "describe_db_subnet_groups", "DBSubnetGroupName", "DBSubnetGroups", "DBSubnetGroupArn"
    ),
    "AWS::RDS::GlobalCluster": _rds(
        "describe_global_clusters", "GlobalClusterIdentifier", "GlobalClusters"
    ),
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::Route53::HealthCheck": _health_check,
    "AWS::Route53::HostedZone": _zone,
    "AWS::Route53::RecordSet": _record,
    "AWS::WAFv2::LoggingConfiguration": _logging,
    "AWS::WAFv2::WebACL": _web_acl,
    "AWS::WAFv2::WebACLAssociation": _association,
}
