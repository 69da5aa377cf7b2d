"""Amazon ECS and Application Auto Scaling."""

from __future__ import annotations

from typing import Any

from tests.local.contract.row import (
    SUBNETS,
    GoneError,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    tags,
)


def _container(image: str) -> list[dict[str, Any]]:
    return [
        {
            "Name": "server",
            "Image": image,
            "PortMappings": [{"ContainerPort": 8080}],
            "Environment": [{"Name": "PORT", "Value": "8080"}],
            "StopTimeout": 45,
            "ReadonlyRootFilesystem": True,
        }
    ]


_TASK = {
    "Family": "contract",
    "Cpu": "256",
    "Memory": "512",
    "NetworkMode": "awsvpc",
    "RequiresCompatibilities": ["FARGATE"],
    "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
}
_GROUP = resource(
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    VpcId=ref("Vpc"), Port=8080, Protocol="HTTP", TargetType="ip",
)  # fmt: skip
_BESIDE = {
    **SUBNETS,
    "Cluster": resource("AWS::ECS::Cluster"),
    "Task": resource("AWS::ECS::TaskDefinition", **_TASK, ContainerDefinitions=_container("a:1")),
    "Targets": _GROUP,
}
_SERVICE: dict[str, Any] = {
    "Cluster": ref("Cluster"),
    "LaunchType": "FARGATE",
    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [ref("Subnet1")]}},
}


def _cluster(seen: Seen) -> Any:
    found = seen.aws("ecs").describe_clusters(clusters=[seen.ref], include=["SETTINGS", "TAGS"])
    cluster = one(c for c in found["clusters"] if c["status"] == "ACTIVE")
    return {
        "insights": one(cluster["settings"])["value"],
        "who": next(t["value"] for t in cluster["tags"] if t["key"] == "who"),
    }


def _definition(seen: Seen) -> Any:
    found = seen.aws("ecs").describe_task_definition(taskDefinition=seen.ref)["taskDefinition"]
    if found["status"] != "ACTIVE":
        raise GoneError
    container = one(found["containerDefinitions"])
    return {
        "image": container["image"],
        "stop": container["stopTimeout"],
        "platform": found["runtimePlatform"]["cpuArchitecture"],
        "revision": found["revision"] > 0,
    }


def _service(seen: Seen) -> Any:
    asked = {"cluster": seen.refs["Cluster"], "services": [seen.ref]}
    found = one(
        s for s in seen.aws("ecs").describe_services(**asked)["services"] if s["status"] == "ACTIVE"
    )
    facts = part(
        found,
        "desiredCount",
        "healthCheckGracePeriodSeconds",
        "enableECSManagedTags",
        "propagateTags",
        "availabilityZoneRebalancing",
    )
    return {
        **facts,
        "controller": found["deploymentController"]["type"],
        "alarms": found["deploymentConfiguration"].get("alarms", {}).get("alarmNames"),
        "targets": [lb["targetGroupArn"] == seen.refs["Targets"] for lb in found["loadBalancers"]],
        "task": found["taskDefinition"].rpartition("/")[2].partition(":")[0],
        "deployments": len(found["deployments"]),
    }


def _starts(seen: Seen) -> int:
    """How many deployments began after the first one."""
    asked = {"cluster": seen.refs["Cluster"], "services": [seen.ref]}
    found = seen.aws("ecs").describe_services(**asked)["services"]
    return len(one(s for s in found if s["status"] == "ACTIVE")["events"])


_MADE = {
    "desiredCount": 1,
    "healthCheckGracePeriodSeconds": 60,
    "enableECSManagedTags": True,
    "propagateTags": "SERVICE",
    "availabilityZoneRebalancing": "ENABLED",
    "controller": "ECS",
    "alarms": ["failing"],
    "targets": [True],
    "task": "contract",
    "deployments": 1,
}


def _deployment(maximum: int) -> dict[str, Any]:
    return {
        "Alarms": {"AlarmNames": ["failing"], "Enable": True, "Rollback": True},
        "MaximumPercent": maximum,
        "MinimumHealthyPercent": 100,
    }


def _forced(nonce: str) -> dict[str, Any]:
    return {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": nonce}


def _resource_id() -> dict[str, Any]:
    return {"Fn::Join": ["/", ["service", ref("Cluster"), att("Service", "Name")]]}


_SCALED = {
    **_BESIDE,
    "Service": resource("AWS::ECS::Service", **_SERVICE, TaskDefinition=ref("Task")),
}
_KEY = {"ScalableDimension": "ecs:service:DesiredCount", "ServiceNamespace": "ecs"}


def _target(seen: Seen) -> Any:
    api = seen.aws("application-autoscaling")
    asked = {"ServiceNamespace": "ecs", "ResourceIds": [seen.ref.split("|")[0]]}
    found = one(api.describe_scalable_targets(**asked)["ScalableTargets"])
    known = api.list_tags_for_resource(ResourceARN=found["ScalableTargetARN"])["Tags"]
    asked = {"cluster": seen.refs["Cluster"], "services": [seen.refs["Service"]]}
    service = one(seen.aws("ecs").describe_services(**asked)["services"])
    return {
        **part(found, "MinCapacity", "MaxCapacity"),
        "desired": service["desiredCount"],  # the floor is obeyed
        "who": known["who"],
    }


def _policy(seen: Seen) -> Any:
    found = one(
        policy
        for policy in seen.aws("application-autoscaling").describe_scaling_policies(
            ServiceNamespace="ecs"
        )["ScalingPolicies"]
        if policy["PolicyARN"] == seen.ref
    )
    config = found["TargetTrackingScalingPolicyConfiguration"]
    return {
        **part(config, "TargetValue", "ScaleInCooldown"),
        "metric": config["PredefinedMetricSpecification"]["PredefinedMetricType"],
    }


def _tracking(value: int) -> dict[str, Any]:
    return {
        "TargetValue": value,
        "ScaleInCooldown": 300,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
        },
    }


ROWS = [
    Row(
        kind="AWS::ECS::Cluster",
        properties={
            "ClusterSettings": [{"Name": "containerInsights", "Value": "enhanced"}],
            "Tags": tags(who="a"),
        },
        read=_cluster,
        made={"insights": "enhanced", "who": "a"},
        update={
            "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
            "Tags": tags(who="b"),
        },
        changed={"insights": "enabled", "who": "b"},
    ),
    Row(
        kind="AWS::ECS::TaskDefinition",
        properties={**_TASK, "ContainerDefinitions": _container("image:1")},
        read=_definition,
        made={"image": "image:1", "stop": 45, "platform": "ARM64", "revision": True},
        update={"ContainerDefinitions": _container("image:2")},
        changed={"image": "image:2", "stop": 45, "platform": "ARM64", "revision": True},
        replaces=True,
    ),
    Row(
        kind="AWS::ECS::Service",
        beside=_BESIDE,
        properties={
            **_SERVICE,
            "TaskDefinition": "contract",  # a family alone is its newest revision
            "AvailabilityZoneRebalancing": "ENABLED",
            "DeploymentConfiguration": _deployment(200),
            "EnableECSManagedTags": True,
            "PropagateTags": "SERVICE",
            "HealthCheckGracePeriodSeconds": 60,
            "ForceNewDeployment": _forced("1"),
            "LoadBalancers": [
                {
                    "ContainerName": "server",
                    "ContainerPort": 8080,
                    "TargetGroupArn": ref("Targets"),
                }
            ],
        },
        read=_service,
        made=_MADE,
        update={"DesiredCount": 3, "HealthCheckGracePeriodSeconds": 90},
        changed={**_MADE, "desiredCount": 3, "healthCheckGracePeriodSeconds": 90},
    ),
    Row(
        kind="AWS::ECS::Service",
        what="deployed again",
        beside=_BESIDE,
        properties={**_SERVICE, "TaskDefinition": ref("Task"), "ForceNewDeployment": _forced("1")},
        read=_starts,
        made=0,
        update={"ForceNewDeployment": _forced("2")},  # nothing else has changed
        changed=1,
    ),
    Row(
        kind="AWS::ApplicationAutoScaling::ScalableTarget",
        beside=_SCALED,
        properties={
            **_KEY,
            "ResourceId": _resource_id(),
            "MinCapacity": 5,
            "MaxCapacity": 64,
            "Tags": tags(who="a"),
        },
        read=_target,
        made={"MinCapacity": 5, "MaxCapacity": 64, "desired": 5, "who": "a"},
        update={"MinCapacity": 2, "MaxCapacity": 4, "Tags": tags(who="b")},
        changed={"MinCapacity": 2, "MaxCapacity": 4, "desired": 4, "who": "b"},
    ),
    Row(
        kind="AWS::ApplicationAutoScaling::ScalingPolicy",
        beside={
            **_SCALED,
            "Target": resource(
                "AWS::ApplicationAutoScaling::ScalableTarget",
                **_KEY,
                ResourceId=_resource_id(),
                MinCapacity=1,
                MaxCapacity=9,
            ),  # fmt: skip
        },
        properties={
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": ref("Target"),
            "TargetTrackingScalingPolicyConfiguration": _tracking(50),
        },
        read=_policy,
        made={
            "TargetValue": 50,
            "ScaleInCooldown": 300,
            "metric": "ECSServiceAverageCPUUtilization",
        },
        update={"TargetTrackingScalingPolicyConfiguration": _tracking(60)},
        changed={
            "TargetValue": 60,
            "ScaleInCooldown": 300,
            "metric": "ECSServiceAverageCPUUtilization",
        },
    ),
]
