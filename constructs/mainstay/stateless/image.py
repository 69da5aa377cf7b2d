"""Where a tier's container image comes from: a folder of this repository, or a reference."""

from __future__ import annotations

import re
from pathlib import Path

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<name>[^:@]+)(?::|@)(?P<version>.+)"
)


def container_image(scope: Construct, construct_id: str, source: Path | str) -> ecs.ContainerImage:
    """The image of a folder, built for ARM64 when assets are published, or of a reference.

    A reference into Amazon ECR brings the task's execution role the permission to pull it.
    """
    if isinstance(source, Path):
        return ecs.ContainerImage.from_asset(
            str(source),
            platform=ecr_assets.Platform.LINUX_ARM64,
            exclude=["**/__pycache__", "**/*.pyc"],  # else running the tests changes the hash
        )
    match = _ECR.fullmatch(source)
    if match is None:
        return ecs.ContainerImage.from_registry(source)
    repository = ecr.Repository.from_repository_attributes(
        scope,
        construct_id,
        repository_arn=f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['name']}",
        repository_name=match["name"],
    )
    return ecs.ContainerImage.from_ecr_repository(repository, match["version"])
