"""The role by which a GitHub Actions workflow deploys one environment."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.interfaces import as_principal

# The longest wave makes or changes clusters: the job in .github/workflows/wave.yml ends before.
LONGEST_SESSION = cdk.Duration.hours(3)
_ISSUER = "token.actions.githubusercontent.com"
# The roles of `cdk bootstrap` that a deploy uses (CDK Developer Guide, "Bootstrapping").
_BOOTSTRAP_ROLES = ("deploy", "file-publishing", "image-publishing", "lookup")


class GithubDeployer(Construct):
    """Trusts one repository's jobs in the GitHub environment of the same name as ours.

    It holds no permission but to assume the bootstrap roles of the Regions; what a deploy may do
    is theirs. The account's OIDC provider is made once by hand, since environments may share an
    account and an account has one provider per issuer (docs/delivery.md).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        repository: str,
        regions: tuple[str, ...],
    ) -> None:
        super().__init__(scope, construct_id)
        account = cdk.Stack.of(self).account
        provider = f"arn:aws:iam::{account}:oidc-provider/{_ISSUER}"
        subject = f"repo:{repository}:environment:{environment_name}"
        self.role = iam.Role(
            self,
            "Role",
            description=f"Deploys mainstay {environment_name} from {repository}",
            assumed_by=as_principal(
                iam.WebIdentityPrincipal(
                    provider,
                    {
                        "StringEquals": {
                            f"{_ISSUER}:aud": "sts.amazonaws.com",
                            f"{_ISSUER}:sub": subject,
                        }
                    },
                )
            ),
            max_session_duration=LONGEST_SESSION,
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                resources=[
                    f"arn:aws:iam::{account}:role/cdk-hnb659fds-{role}-role-{account}-{region}"
                    for region in regions
                    for role in _BOOTSTRAP_ROLES
                ],
            )
        )
        acknowledge_inline_policy(self.role)
        cdk.CfnOutput(
            self,
            "DeployerRole",
            description=f"Variable DEPLOYER_ROLE of the GitHub environment {environment_name}",
            value=self.role.role_arn,
        )
