"""The kinds of relational store: a purpose, and the parameters that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

DATABASE = "mainstay"  # on every server, so that one operation knows it everywhere

# Every cluster: TLS alone; no session may hold a transaction open for ever, which would block
# vacuum and every migration's lock; statements that wait for a lock are logged.
_SAFE = {
    "rds.force_ssl": "1",
    "idle_in_transaction_session_timeout": "60000",  # ms, twice the longest request
    "log_lock_waits": "1",
    "log_min_duration_statement": "1000",  # ms
    "log_connections": "1",
    "log_disconnections": "1",
}

# A publisher or subscriber of logical replication. Slots: the other master, the follower, an
# integration, and as many again while one is rebuilt; workers for the same, with parallel apply.
_REPLICATED = {
    "rds.logical_replication": "1",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "max_logical_replication_workers": "12",
    "max_worker_processes": "24",
}


@dataclass(frozen=True, kw_only=True)
class StoreKind:
    """A relational store by its purpose. Its copies in other Regions have the same."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def all_parameters(self) -> dict[str, str]:
        return {**_SAFE, **self.parameters}


ENTITY = StoreKind(
    name="entity",
    parameters={
        **_REPLICATED,
        "track_commit_timestamp": "1",  # says which master's row is the later one
    },
)

TRANSACTION = StoreKind(
    name="transaction",
    parameters={
        **_REPLICATED,
        # What a zero-ETL integration demands of its source (Amazon Aurora User Guide, "Getting
        # started with Aurora zero-ETL integrations"). Changing the first invalidates every slot.
        "aurora.enhanced_logical_replication": "1",
        "aurora.logical_replication_backup": "0",
        "aurora.logical_replication_globaldb": "0",
    },
)

# Where no warehouse is wanted: a plain cluster that subscribes to the transaction store.
REPORTING = StoreKind(name="reporting", parameters=_REPLICATED)
