"""Operations on the databases of a Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.database.operations_task import Operable, OperationsTask
from mainstay.read_only.control_table import ControlTable
from mainstay.stateless.image import ImageSource


class OperationsStack(cdk.Stack):
    """Stateless: a definition of a task that nothing starts by itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        family: str,
        image: ImageSource,
        operable: Operable,
        control: ControlTable,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: operations on the databases of a Region",
        )
        self.task = OperationsTask(
            self,
            "Operations",
            family=family,
            image=image,
            operable=operable,
            control=control,
            log_group=log_group,
        )
