"""Everything that servers of a Region keep and obey, and who of them needs which part."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from mainstay.database.audit_queue import AuditQueue
from mainstay.database.session_store import SessionReplica
from mainstay.database.store_access import StoreAccess
from mainstay.database.warehouse import Warehouse
from mainstay.read_only.control_table import ControlTable


@dataclass(frozen=True, kw_only=True)
class Reports:
    """A warehouse, and the database in it that an integration fills."""

    warehouse: Warehouse
    database: str


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The four stores, the queue and the mode; a grant returns all variables of its grantee."""

    control: ControlTable
    entity: StoreAccess
    sessions: SessionReplica
    transaction: StoreAccess
    events: AuditQueue
    reports: Reports | None  # None: reports are asked of the transaction store

    def grant_serve(self, grantee: iam.IRole) -> dict[str, str]:
        """For the API: a login reads entities, writes a session and sends an event."""
        reports = self.reports
        return {
            **self.control.grant_follow_mode(grantee),
            **self.entity.grant_read(grantee),
            **self.entity.grant_write(grantee),
            **self.sessions.grant_use(grantee),
            **self.events.grant_send(grantee),
            **self.transaction.grant_read(grantee),
            **(reports.warehouse.grant_query(grantee, reports.database) if reports else {}),
        }

    def grant_drain(self, grantee: iam.IRole) -> dict[str, str]:
        """For the worker: events from the queue into the transaction store, and nothing else."""
        return {
            **self.control.grant_follow_mode(grantee),
            **self.events.grant_receive(grantee),
            **self.transaction.grant_write(grantee),
        }
