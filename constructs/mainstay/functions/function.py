"""A Lambda function of the project: Python of lambda/functions, with a role of its own."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.functions.function_code import function_code
from mainstay.interfaces import as_role, principal

ANSWERS_CLOUDFORMATION = (
    "CloudFormation waits for this function's answer and fails the deploy without it, so a failed "
    "invocation is seen at once by the person deploying; a queue of dead requests would be read by "
    "nobody."
)


class Function(lambda_.Function):
    """Runs `functions.<handler>`, or `handler` of `code`; its role may write its log alone.

    `without_queue` is the reason, for an auditor, why a failed invocation needs no dead-letter
    queue; None where the caller gives it one. `concurrency` is the number of executions that are
    reserved; with None, `without_concurrency` is the reason why none is.

    It extends the L2 class: as a construct around it, it would put one more element into the path
    of every function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        handler: str,
        description: str,
        log_group: logs.ILogGroup,
        timeout: cdk.Duration,
        without_queue: str | None,
        concurrency: int | None,
        without_concurrency: str | None = None,
        code: lambda_.Code | None = None,
        memory_mib: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.own_role = iam.Role(scope, "Role", assumed_by=principal("lambda.amazonaws.com"))
        log_group.grant_write(self.own_role)
        acknowledge_inline_policy(self.own_role)
        super().__init__(
            scope,
            construct_id,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,  # which brings zstd
            architecture=lambda_.Architecture.ARM_64,
            code=code or function_code(handler.partition(".")[0]),
            handler=handler if code else f"functions.{handler}",
            role=as_role(self.own_role),
            memory_size=memory_mib,
            timeout=timeout,
            log_group=log_group,
            reserved_concurrent_executions=concurrency,
            environment=environment,
        )
        reasons = {
            "NIST.800.53.R5-LambdaDLQ": without_queue,
            "NIST.800.53.R5-LambdaConcurrency": without_concurrency,
            "NIST.800.53.R5-LambdaInsideVPC": "The function calls the APIs of AWS and nothing "
            "inside a VPC; placed there it would need a way out, and would fail with the network "
            "that it may be needed to repair.",
        }
        acknowledge(self, {finding: reason for finding, reason in reasons.items() if reason})
