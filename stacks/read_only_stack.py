"""What enters READ_ONLY by itself in a Region, and what `mainstay mode leave` asks first."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.database.metrics import ClusterMetrics, ReplicaMetrics
from mainstay.database.operations_task import OperationsTask
from mainstay.database.relational_store import RelationalStore
from mainstay.database.replication_measure import ReplicationMeasure
from mainstay.read_only.automatic_read_only import AutomaticReadOnly
from mainstay.read_only.control_table import ControlTable
from mainstay.read_only.replication_alarms import ReplicationAlarms
from mainstay.read_only.writer_down import WriterDown


class ReadOnlyStack(cdk.Stack):
    """Stateless. Writes the mode of every Region, for writes of each go to the one master.

    `masters` and `copies` are the entity store's clusters of this Region; `successors` and
    `followers` the replicas that are measured from here, by the names of `ReplicaMetrics`;
    `controls` the Regions' control tables, the primary's first.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        masters: dict[str, RelationalStore],
        copies: dict[str, RelationalStore],
        successors: dict[str, str],
        followers: dict[str, str],
        controls: dict[str, ControlTable],
        operations: OperationsTask,
        app_logs: logs.ILogGroup,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: READ_ONLY that is entered by itself",
        )
        measured = {name: ClusterMetrics(store.identifier) for name, store in masters.items()}
        self.replication = ReplicationAlarms(
            self,
            "Replication",
            masters=measured,
            copies={name: ClusterMetrics(store.identifier) for name, store in copies.items()},
            successors=_replicas(environment_name, successors),
            followers=_replicas(environment_name, followers),
        )
        if successors or followers:
            ReplicationMeasure(
                self, "Measure", operations=operations, environment_name=environment_name
            )
        down = []
        if masters:
            down.append(WriterDown(self, "WriterDown", masters=measured, app_logs=app_logs).alarm)
        arn = f"arn:aws:rds:{self.region}:{self.account}:cluster:"
        self.automatic = AutomaticReadOnly(
            self,
            "Automatic",
            masters=[f"{arn}{store.identifier}" for store in masters.values()],
            tables={region: self._name_of(region, control) for region, control in controls.items()},
            alarms={
                "writer": down,
                "lag": self.replication.lagging,
                "broken": self.replication.broken,
            },
            log_group=log_group,
        )
        for name, value, what in (
            ("Regions", ",".join(controls), "Whose alarms `mainstay-mode leave` reads"),
            (
                "Masters",
                ",".join(store.identifier for store in masters.values()),
                "The clusters that `mainstay-mode leave` asks for a writer",
            ),
        ):
            cdk.CfnOutput(self, name, description=what, value=value or "none")

    def _name_of(self, region: str, control: ControlTable) -> str:
        """A table's name: by reference here, by a weak one from another Region."""
        name = control.table_name
        if region == self.region:
            return name
        return cdk.Stack.consume_reference(name, cdk.ReferenceStrength.WEAK)


def _replicas(environment_name: str, names: dict[str, str]) -> dict[str, ReplicaMetrics]:
    return {short: ReplicaMetrics(environment_name, name) for short, name in names.items()}
