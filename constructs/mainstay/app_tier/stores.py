"""Everything that servers of a Region keep and obey, and who of them needs which part."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_ecs as ecs

from mainstay.database.audit_queue import AuditQueue
from mainstay.database.session_store import SessionReplica
from mainstay.database.store_access import StoreAccess
from mainstay.database.warehouse import RedshiftWarehouse
from mainstay.read_only.control_table import ControlTable


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The four stores, the queue and the mode.

    One call permits a container's role what it does and sets all variables that it reads:
    `service.settings` validates them at start.
    """

    control: ControlTable
    entity: StoreAccess
    sessions: SessionReplica
    transaction: StoreAccess
    events: AuditQueue
    reports: RedshiftWarehouse | None  # None: reports are asked of the transaction store

    def let_serve(self, container: ecs.ContainerDefinition) -> None:
        """For the API: a login reads entities, writes a session and sends an event."""
        role = container.task_definition.task_role
        _set(container, self.control.grant_follow_mode(role))
        _set(container, self.entity.grant_read(role))
        _set(container, self.entity.grant_write(role))
        _set(container, self.sessions.grant_use(role))
        _set(container, self.events.grant_send(role))
        _set(container, self.transaction.grant_read(role))
        if self.reports is not None:
            _set(container, self.reports.grant_query(role))

    def let_drain(self, container: ecs.ContainerDefinition) -> None:
        """For the worker: events from the queue into the transaction store, and nothing else."""
        role = container.task_definition.task_role
        _set(container, self.control.grant_follow_mode(role))
        _set(container, self.events.grant_receive(role))
        _set(container, self.transaction.grant_write(role))


def _set(container: ecs.ContainerDefinition, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        container.add_environment(name, value)
