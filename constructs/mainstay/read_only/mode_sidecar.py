"""The container beside a server that cannot ask for the mode by itself."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.functions.function_code import LAMBDA_FOLDER, all_but, package_files
from mainstay.read_only.control_table import ControlTable
from mainstay.stateless.image import container_image

CONTAINER = "mode"


class ModeSidecar(Construct):
    """Follows the control table and keeps the mode as files in a folder that the server sees.

    It is not essential: when it fails it is started again, and meanwhile the server goes on in the
    mode that it knew. A failure of the control plane, or of DynamoDB, must not take the edge with
    it; whoever flips the mode misses the acknowledgement.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task_definition: ecs.FargateTaskDefinition,
        control: ControlTable,
        layer: str,
        volume: str,
        folder: str,
        log_group: logs.ILogGroup,
        image: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        variables = control.grant_follow_mode(task_definition.task_role)
        acknowledge_inline_policy(task_definition.task_role)
        self.container = task_definition.add_container(
            CONTAINER,
            container_name=CONTAINER,
            image=_shipped() if image is None else container_image(self, "Image", image),
            essential=False,
            enable_restart_policy=True,
            restart_attempt_period=cdk.Duration.minutes(1),  # the shortest that ECS takes
            environment={**variables, "LAYER": layer, "RUN": folder},
            readonly_root_filesystem=True,
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=CONTAINER,
                log_group=log_group,
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
            ),
        )
        self.container.add_mount_points(
            ecs.MountPoint(container_path=folder, source_volume=volume, read_only=False)
        )


def _shipped() -> ecs.ContainerImage:
    """Return the image of the follower, which no edit of another package builds again."""
    return ecs.ContainerImage.from_asset(
        str(LAMBDA_FOLDER),
        file="functions/mode_follower/Dockerfile",
        platform=ecr_assets.Platform.LINUX_ARM64,
        ignore_mode=cdk.IgnoreMode.DOCKER,
        exclude=all_but(package_files("mode_follower")),
    )
