"""The definition that another table of steps would make: importing this starts the CDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from unittest import mock

import aws_cdk as cdk
from aws_cdk import assertions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from mainstay.upgrade import definition
from mainstay.upgrade.rows import Step
from tests.upgrade.synthesized import FUNCTION, definition_of


def definition_from(steps: Sequence[Step]) -> str:
    """As Step Functions gets it."""
    stack = cdk.Stack()
    topic = sns.Topic(stack, "Operators")
    with mock.patch.object(definition, "STEPS", tuple(steps)):
        made = definition.Definition(
            stack,
            "Definition",
            function=lambda_.Function.from_function_arn(stack, "Function", FUNCTION),
            operations=definition.OperationsRun(
                cluster_arn="work", container="operations", subnet_ids=["s"], security_group_id="g"
            ),
            operators=cast("sns.ITopic", topic),
        )
    sfn.StateMachine(
        stack,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(made.first),
        query_language=sfn.QueryLanguage.JSONATA,
    )
    return definition_of(dict(assertions.Template.from_stack(stack).to_json()))
