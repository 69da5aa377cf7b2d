"""Where a tier's container image comes from: folders of this repository, or a reference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<name>[^:@]+)(?::|@)(?P<version>.+)"
)


_COMPILED = ["**/__pycache__", "**/*.pyc"]  # else running the tests changes the hash


@dataclass(frozen=True, kw_only=True)
class Parts:
    """An image that is made of some folders and files of a larger one: no other edit builds it."""

    folder: Path
    dockerfile: str
    paths: tuple[str, ...]

    def included(self, path: str) -> str:
        """Return the pattern that takes a folder with all that is in it, or one file."""
        return f"!{path}/**" if (self.folder / path).is_dir() else f"!{path}"


ImageSource = Path | Parts | str


def container_image(
    scope: Construct,
    construct_id: str,
    source: ImageSource,
    *,
    platform: ecr_assets.Platform = ecr_assets.Platform.LINUX_ARM64,
) -> ecs.ContainerImage:
    """The image of a folder, built for `platform` when assets are published, or of a reference.

    A reference into Amazon ECR brings the task's execution role the permission to pull it.
    """
    if isinstance(source, Parts):
        return ecs.ContainerImage.from_asset(
            str(source.folder),
            file=source.dockerfile,
            platform=platform,
            ignore_mode=cdk.IgnoreMode.DOCKER,
            exclude=["**", *map(source.included, source.paths), *_COMPILED],
        )
    if isinstance(source, Path):
        return ecs.ContainerImage.from_asset(str(source), platform=platform, exclude=_COMPILED)
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
