"""ECS services, their scaling, their revisions and the weights before them: read and changed.

Every change may be sent again; `steady` and its like ask for its effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functions.upgrade.errors import FailedError, NotYetError
from functions.upgrade.site import Place, Service, Site

_SCALING_IN = "DynamicScalingInSuspended"
_SUSPENDABLE = (
    _SCALING_IN,
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
_DIMENSION = "ecs:service:DesiredCount"
# What RegisterTaskDefinition takes of what DescribeTaskDefinition returns.
_DROPPED = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
)


def described(site: Site, place: Place, service: Service) -> dict[str, Any]:
    """The service as ECS has it now. Raises FailedError where there is none."""
    ecs = site.client("ecs", place.region)
    found = ecs.describe_services(cluster=service.cluster, services=[service.name])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise FailedError(f"'{service.name}' of {place.region} is no active service")
    return found[0]


def set_count(
    site: Site, place: Place, service: Service, count: int, *, revision: str | None = None
) -> None:
    """Set how many tasks of which revision ECS runs; send nothing where it knows already."""
    found = described(site, place, service)
    known = found["taskDefinition"]
    if found["desiredCount"] == count and revision in (None, known):
        return
    arguments: dict[str, Any] = {"desiredCount": count}
    if revision is not None and revision != known:
        arguments["taskDefinition"] = revision
    site.client("ecs", place.region).update_service(
        cluster=service.cluster, service=service.name, **arguments
    )


def require_steady(
    site: Site,
    place: Place,
    service: Service,
    count: int,
    *,
    revision: str | None = None,
    or_more: bool = False,
    in_window: bool = False,
) -> None:
    """NotYetError until `count` tasks run, all of the revision, healthy; FailedError if never.

    With `or_more`, more than these may run, which its autoscaling has added; `in_window`, the end
    of the deployment is not waited for.
    """
    found = described(site, place, service)
    if or_more:
        count = max(count, found["desiredCount"])
    what = f"{service.name} of {place.region}"
    deployments = found.get("deployments", [])
    if any(each.get("rolloutState") == "FAILED" for each in deployments):
        raise FailedError(f"the deployment of {what} failed: see the service's events")
    if revision is not None and found["taskDefinition"] != revision:
        raise FailedError(f"{what} runs {found['taskDefinition']}, not {revision}: rolled back")
    if (found["desiredCount"], found["runningCount"], found["pendingCount"]) != (count, count, 0):
        raise NotYetError(f"{what}: {found['runningCount']} of {count} tasks run")
    others = [each for each in deployments if each["status"] != "PRIMARY"]
    if in_window:
        # All of its tasks are the new ones: what is left of the deployment is Amazon ECS watching
        # the alarms, which would cost writers minutes; the upgrade reads them itself.
        others = [each for each in others if each.get("runningCount", 0)]
    elif any(each.get("rolloutState") == "IN_PROGRESS" for each in deployments):
        raise NotYetError(f"{what}: the deployment goes on")
    if others:
        raise NotYetError(f"{what}: tasks of another deployment run")
    if service.targets is None:
        return
    states = _health(site, place, service.targets)
    if states.count("healthy") < count or (count == 0 and "draining" in states):
        raise NotYetError(f"{what}: {states.count('healthy')} of {count} tasks are healthy")


def _health(site: Site, place: Place, group: str) -> list[str]:
    elbv2 = site.client("elbv2", place.region)
    entries = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [entry["TargetHealth"]["State"] for entry in entries]


def unhealthy(site: Site, place: Place, service: Service) -> list[str]:
    """Return the states of a service's targets that are neither healthy nor leaving."""
    states = [] if service.targets is None else _health(site, place, service.targets)
    return [state for state in states if state not in ("healthy", "draining")]


def task_ids(site: Site, place: Place, services: Iterable[Service]) -> set[str]:
    """The ids of every task that these services run, or start."""
    ecs = site.client("ecs", place.region)
    return {
        arn.rpartition("/")[2]
        for service in services
        for page in ecs.get_paginator("list_tasks").paginate(
            cluster=service.cluster, serviceName=service.name, desiredStatus="RUNNING"
        )
        for arn in page["taskArns"]
    }


def weights(site: Site, place: Place) -> dict[str, int]:
    """Return the weights of the listener rule now, by half."""
    [rule] = site.client("elbv2", place.region).describe_rules(RuleArns=[place.rule])["Rules"]
    groups = rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]
    by_group = {group["TargetGroupArn"]: group["Weight"] for group in groups}
    return {half: by_group[service.targets] for half, service in place.halves.items()}


def set_weights(site: Site, place: Place, shares: dict[str, int]) -> None:
    """Divide the traffic; nothing is sent where it is divided so."""
    if weights(site, place) == shares:
        return
    groups = [
        {"TargetGroupArn": place.halves[half].targets, "Weight": share}
        for half, share in shares.items()
    ]
    site.client("elbv2", place.region).modify_rule(
        RuleArn=place.rule,
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
    )


def scaling(site: Site, place: Place, service: Service) -> dict[str, Any] | None:
    """Return the limits of a service and what is suspended; None where nothing scales it."""
    found = site.client("application-autoscaling", place.region).describe_scalable_targets(
        ServiceNamespace="ecs",
        ResourceIds=[_resource(service)],
        ScalableDimension=_DIMENSION,
    )["ScalableTargets"]
    if not found:
        return None
    state = found[0].get("SuspendedState", {})
    return {
        "min": found[0]["MinCapacity"],
        "max": found[0]["MaxCapacity"],
        "suspended": {name: bool(state.get(name, False)) for name in _SUSPENDABLE},
    }


def set_scaling(site: Site, place: Place, service: Service, wanted: dict[str, Any] | None) -> None:
    """Set what `scaling` returns; nothing is sent where it is so, or where nothing scales."""
    if wanted is None or scaling(site, place, service) in (None, wanted):
        return
    site.client("application-autoscaling", place.region).register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=_resource(service),
        ScalableDimension=_DIMENSION,
        MinCapacity=wanted["min"],
        MaxCapacity=wanted["max"],
        SuspendedState=wanted["suspended"],
    )


def hold(site: Site, place: Place, service: Service) -> None:
    """Suspend all of a service's autoscaling: its number of tasks is the upgrade's alone."""
    found = scaling(site, place, service)
    wanted = found and {**found, "suspended": dict.fromkeys(_SUSPENDABLE, True)}
    set_scaling(site, place, service, wanted)


def only_grow(site: Site, place: Place, service: Service, *, least: int, most: int) -> None:
    """Let a service scale out as far as `most` tasks, and never in."""
    suspended = {name: name == _SCALING_IN for name in _SUSPENDABLE}
    wanted = {"min": least, "max": most, "suspended": suspended}
    set_scaling(site, place, service, wanted)


def _resource(service: Service) -> str:
    return f"service/{service.cluster}/{service.name}"


def newest_revision(site: Site, place: Place, family: str) -> dict[str, Any]:
    """The task definition that the family's name means."""
    ecs = site.client("ecs", place.region)
    return ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]


def with_image(site: Site, place: Place, family: str, image: str) -> str:
    """The ARN of the family's newest revision, registered with the image where it has another."""
    newest = newest_revision(site, place, family)
    if newest["containerDefinitions"][0]["image"] == image:
        return newest["taskDefinitionArn"]
    made = site.client("ecs", place.region).register_task_definition(**shaped(newest, image))
    return made["taskDefinition"]["taskDefinitionArn"]


def shaped(definition: dict[str, Any], image: str) -> dict[str, Any]:
    """Return what registers a task definition again, with another image in its first container."""
    shape = {name: value for name, value in definition.items() if name not in _DROPPED}
    first, *others = shape["containerDefinitions"]
    return {**shape, "containerDefinitions": [{**first, "image": image}, *others]}


def deregister_above(site: Site, place: Place, family: str, revision: str, image: str) -> None:
    """Deregister every revision of the family above this one that carries the image."""
    ecs = site.client("ecs", place.region)
    kept = int(revision.rpartition(":")[2])
    for page in ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=family, status="ACTIVE"
    ):
        for arn in page["taskDefinitionArns"]:
            name, _, number = arn.rpartition("/")[2].partition(":")
            if name != family or int(number) <= kept:
                continue
            found = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            if found["containerDefinitions"][0]["image"] == image:
                ecs.deregister_task_definition(taskDefinition=arn)
