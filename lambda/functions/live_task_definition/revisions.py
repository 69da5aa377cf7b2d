"""A live family of task definitions: the shape comes from the template, the image from releases."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

# What DescribeTaskDefinition returns and RegisterTaskDefinition takes (Amazon ECS API Reference).
_SHAPE = (
    *("taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes"),
    *("placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode"),
    *("proxyConfiguration", "ephemeralStorage", "runtimePlatform", "enableFaultInjection"),
    *("inferenceAccelerators", "trustedExecutionConfiguration"),
)


def keep_live_image(ecs: Any, *, base: str, family: str) -> str:
    """Give `family` a revision with the shape of `base` and the images it runs now.

    Without a live revision the base's own images are the first release. Called again with the
    same base it registers nothing. Returns the ARN of the family's newest revision; raises
    ValueError where a container of the live release is gone from the base.
    """
    shape = _shape_of(ecs, base)
    live = _live(ecs, family)
    if live is not None:
        _carry_images(shape, live["containerDefinitions"], family)
        if shape == {key: live[key] for key in _SHAPE if key in live}:
            return live["taskDefinitionArn"]
    registered = ecs.register_task_definition(family=family, **shape)["taskDefinition"]
    images = [container["image"] for container in shape["containerDefinitions"]]
    arn = registered["taskDefinitionArn"]
    print(json.dumps({"registered": arn, "base": base, "images": images}))
    return arn


def _shape_of(ecs: Any, arn: str) -> dict[str, Any]:
    described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return {key: described[key] for key in _SHAPE if key in described}


def _live(ecs: Any, family: str) -> dict[str, Any] | None:
    try:
        described = ecs.describe_task_definition(taskDefinition=family)  # the newest ACTIVE one
    except ClientError as error:
        if error.response["Error"]["Code"] == "ClientException":  # no such family
            return None
        raise
    return described["taskDefinition"]


def _carry_images(shape: dict[str, Any], live: list[dict[str, Any]], family: str) -> None:
    images = {container["name"]: container["image"] for container in live}
    names = {container["name"] for container in shape["containerDefinitions"]}
    gone = sorted(set(images) - names)
    if gone:
        raise ValueError(
            f"'base' should have the containers that {family} runs, but lacks {', '.join(gone)}; "
            f"release an image without them first"
        )
    for container in shape["containerDefinitions"]:
        container["image"] = images.get(container["name"], container["image"])
