"""The task definition of a half: the template's shape with the last release's image."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.functions.function import ANSWERS_CLOUDFORMATION, Function

_TIMEOUT = cdk.Duration.minutes(1)


class LiveTaskDefinitions(Construct):
    """The function behind `LiveTaskDefinition`, one for all of a stack.

    CloudFormation would register every change of a task definition with the image that the
    template knows, and so undo the last release. No CloudFormation resource says "keep what is
    live", hence a custom one.
    """

    def __init__(self, scope: Construct, construct_id: str, *, log_group: logs.ILogGroup) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            handler="live_task_definition.handler.handler",
            description="Carries a task's new shape to the family that runs, with its live image",
            timeout=_TIMEOUT,
            log_group=log_group,
            # Both halves at once, and no more: it runs only inside a deploy.
            concurrency=2,
            without_queue=ANSWERS_CLOUDFORMATION,
        )
        self.role = self.function.own_role
        # DescribeTaskDefinition knows no resources (Service Authorization Reference, Amazon ECS).
        self.role.add_to_policy(
            iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition"], resources=["*"])
        )
        acknowledge(
            self.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecs:DescribeTaskDefinition, which reads a shape "
                "and a live image, knows no resources (Service Authorization Reference, Amazon "
                "ECS); what it registers is granted by family.",
            },
        )


class LiveTaskDefinition(Construct):
    """A family of its own for one half, whose newest revision is what the half runs.

    `family` is physical because operations register releases in it. CloudFormation registers
    the template's shape in another family, `base`, that nothing runs; the function copies it to
    `family` with the images that are live there. See docs/decisions/0004-live-releases.md.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        family: str,
        base: ecs.FargateTaskDefinition,
        definitions: LiveTaskDefinitions,
    ) -> None:
        super().__init__(scope, construct_id)
        self.family = family
        self._base = base
        role = definitions.role
        stack = cdk.Stack.of(self)
        revisions = f"arn:aws:ecs:{stack.region}:{stack.account}:task-definition/{family}:*"
        role.add_to_policy(
            iam.PolicyStatement(actions=["ecs:RegisterTaskDefinition"], resources=[revisions])
        )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{revisions}]": "Registering creates the revision "
                "whose number the ARN would name, so only the family can be granted; it is the "
                "one family of this half of the app tier.",
            },
        )
        base.task_role.grant_pass_role(role)
        base.obtain_execution_role().grant_pass_role(role)
        self.resource = cdk.CustomResource(
            self,
            "Resource",
            service_token=definitions.function.function_arn,
            resource_type="Custom::LiveTaskDefinition",
            properties={"Family": family, "Base": base.task_definition_arn},
            service_timeout=_TIMEOUT,
        )
        # The permissions must be there before the function is asked, and until after the last.
        self.resource.node.add_dependency(role)

    def run_in(self, service: ecs.FargateService) -> None:
        """Make a service run the family's newest revision instead of the template's own."""
        resource = service.node.default_child
        assert isinstance(resource, ecs.CfnService)
        # A family without a revision means its newest: any later update of the service by
        # CloudFormation leaves the released revision in place.
        resource.task_definition = self.family
        # A new shape must reach the tasks: the base's ARN changes with it and with nothing else.
        resource.force_new_deployment = ecs.CfnService.ForceNewDeploymentProperty(
            enable_force_new_deployment=True,
            force_new_deployment_nonce=self._base.task_definition_arn,
        )
        service.node.add_dependency(self.resource)
