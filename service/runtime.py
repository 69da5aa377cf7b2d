"""Everything that one process of the API holds, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from service import schema_version
from service.audit import Audit
from service.aws import FAILURES, Aws
from service.connections import Connections
from service.databases import Server, Servers
from service.fair_queue import Places
from service.log import log
from service.mode import ModeWatcher, ServiceMode, WriterWatcher
from service.operations.node import READER, WRITER
from service.outbox import Outbox
from service.passwords import Passwords
from service.remembered import Remembered
from service.schema_version import SchemaVersionError, Versions
from service.sessions import REMEMBERED_SECONDS, Sessions
from service.settings import Address, ApiSettings
from service.stores.attempts import AttemptStore
from service.stores.entity import EntityStore
from service.stores.reporting import PostgresReporting, RedshiftReporting, ReportingStore
from service.stores.session import SessionStore
from service.stores.transaction import TransactionStore
from service.task import task_id

# Logins read and are quick; reports and logs may take their time; writes are few.
_ENTITY_SECONDS, _RANGE_SECONDS = 1.5, 15.0
_READ_CONNECTIONS, _OTHER_CONNECTIONS = 16, 4
_HEALTH_SECONDS = 5.0
_POOL_SECONDS = 1.0
_HEALTH_PATIENCE_SECONDS = 3.0


# Exit codes of docs/service-contract.md: starting again helps, or does not (sysexits.h, EX_CONFIG).
FAILED, WRONG = 1, 78


class Runtime:
    """Stores, mode and tasks of a process. `give_up` is called with why it may not serve.

    `exit_code` is 0 until then.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        give_up: Callable[[str], None],
        remembered_seconds: float = REMEMBERED_SECONDS,
        poll_seconds: float = 2.0,
    ) -> None:
        self.settings = settings
        self.mode = ServiceMode()
        self.aws = Aws(settings.region)
        self.passwords = Passwords()
        self.places = Places()
        self.audit = Audit(self.aws, settings.events_queue_url)
        self.exit_code = 0
        self.schema_confirmed = False
        self._on_give_up = give_up
        self._connected: list[Servers] = []
        self.entities = EntityStore(
            self._servers("entity", settings.entity_readers, READER),
            self._servers("entity", settings.entity_writer, WRITER),
            backwards=lambda: self.mode.read_only,
        )
        self.outbox = Outbox(self.entities, self.audit, self.mode)
        self.transactions = TransactionStore(
            readers=self._servers("transaction", settings.transaction_readers, READER),
            writers=Servers(()),
        )
        self.reports = self._reports()
        self.sessions = Sessions(
            SessionStore(self.aws, settings.session_table, now=time.time),
            self.entities,
            remembered_seconds=remembered_seconds,
        )
        self.attempts = AttemptStore(
            self.aws, settings.session_table, region=settings.region, now=time.time
        )
        self.login_stores = Remembered(self._login_stores, seconds=_HEALTH_SECONDS)
        self._watcher = ModeWatcher(
            self.mode,
            region=settings.region,
            table=settings.control_table,
            layer="app",
            task_id=task_id(settings),
            poll_seconds=poll_seconds,
        )
        self._writer = WriterWatcher(
            self.mode,
            self.entities.accepts_writes,
            has_other_version=lambda: self.entities.found_other_version,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._later: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Begin to follow, to connect and to send; nothing is waited for."""
        self._watcher.start()
        for servers in self._connected:
            await servers.open()
        runs = (
            self.audit.run,
            self.outbox.run,
            self._writer.run,
            self._confirm_schema,
            self._watch_pools,
        )
        for run in runs:
            self._tasks.append(asyncio.create_task(run()))

    async def stop(self) -> None:
        """Send what waits, and leave; what does not end in time is named in the log."""
        if self._later:
            await asyncio.wait(self._later, timeout=2.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.audit.flush(seconds=5.0)
        await asyncio.to_thread(self._watcher.stop)
        for servers in self._connected:
            await servers.close()
        self.passwords.close()
        await self.aws.close()
        log("stopped")

    @property
    def can_serve(self) -> bool:
        """Return whether requests may be sent here: what readiness answers."""
        known = self.mode.is_known and self.schema_confirmed and self._writer.is_settled
        return known and self.exit_code == 0

    @property
    def connections(self) -> list[Connections]:
        """Return the pools of every server of every store."""
        return [each.connections for servers in self._connected for each in servers.servers]

    def later(self, *acts: Coroutine[Any, Any, Any]) -> None:
        """Do what the answer need not wait for, and whose failure changes nothing."""
        for act in acts:
            task = asyncio.ensure_future(_quietly(act))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    # ------------------------------------------------------------------------------------------

    def _servers(self, store: str, addresses: tuple[Address, ...], role: str) -> Servers:
        entity = store == "entity"
        found = Servers(
            Server(
                address,
                self.settings,
                role=role,
                version=schema_version.spoken(store),
                notes_versions=entity,
                statement_seconds=_ENTITY_SECONDS if entity else _RANGE_SECONDS,
                connections=_READ_CONNECTIONS if entity and role == READER else _OTHER_CONNECTIONS,
                token=self.aws.database_token,
            )
            for address in addresses
        )
        self._connected.append(found)
        return found

    def _reports(self) -> ReportingStore:
        settings = self.settings
        if settings.reporting_workgroup:
            return RedshiftReporting(
                self.aws,
                workgroup=settings.reporting_workgroup,
                database=settings.reporting_database,
            )
        addresses = settings.reporting or settings.transaction_readers
        return PostgresReporting(self._servers("transaction", addresses, READER))

    def _give_up(self, reason: str, exit_code: int) -> None:
        self.exit_code = exit_code
        self._on_give_up(reason)

    async def _watch_pools(self) -> None:
        """End a process whose pool has lost its connections: another one starts with all."""
        while True:
            await asyncio.sleep(_POOL_SECONDS)
            for pool in self.connections:
                if await pool.are_lost():
                    self._give_up(f"the pool of {pool.name} has lost its connections", FAILED)
                    return

    async def _confirm_schema(self) -> None:
        """Wait for an entity server of this build's version; give up when there are only others."""
        servers = [*self.entities.readers.servers, *self.entities.writers.servers]
        versions = Versions(schema_version.spoken("entity"))
        while True:
            others: dict[str, int] = {}
            for server in servers:
                try:
                    if await server.has_version():
                        self.schema_confirmed = True
                        log("schema confirmed", server=server.name, version=server.version)
                        return
                    others[server.name] = await server.read_version()
                except Exception as error:
                    log("not answering yet", server=server.name, error=type(error).__name__)
            if others and not versions.may_come(others):
                self._give_up(
                    f"this build speaks version {schema_version.spoken('entity')} of the entity "
                    f"store, and the servers have {others}: start the build that fits them, or "
                    "migrate them (python -m service.operations migrate)",
                    WRONG,
                )
                return
            await asyncio.sleep(1.0)

    async def _login_stores(self) -> dict[str, bool]:
        probes = {
            "entity": self.entities.readers.ask({}, "SELECT 1", backwards=self.mode.read_only),
            "session": self.sessions.store.answers(),
            "queue": self.aws.sqs(
                "GetQueueAttributes",
                QueueUrl=self.settings.events_queue_url,
                AttributeNames=["QueueArn"],
            ),
        }
        results = await asyncio.gather(*(_answers(probe) for probe in probes.values()))
        return dict(zip(probes, results, strict=True))


async def _answers(probe: Any) -> bool:
    try:
        async with asyncio.timeout(_HEALTH_PATIENCE_SECONDS):
            await probe
    except Exception:
        return False
    return True


async def _quietly(act: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(*FAILURES, SchemaVersionError):
        await act
