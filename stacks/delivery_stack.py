"""Who may deploy the environment from GitHub Actions."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.delivery.github_deployer import GithubDeployer


class DeliveryStack(cdk.Stack):
    """One role; present only where the environment names a repository."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        repository: str,
        regions: tuple[str, ...],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the role that deploys the environment",
        )
        GithubDeployer(
            self,
            "Github",
            environment_name=environment_name,
            repository=repository,
            regions=regions,
        )
