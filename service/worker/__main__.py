"""`python -m service.worker`: drain the queue until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from service import schema_version
from service.aws import FAILURES, Aws
from service.databases import Server, Servers, UnavailableError
from service.log import log
from service.mode import ModeWatcher, ServiceMode
from service.operations.node import WRITER
from service.schema_version import SchemaVersionError, Versions
from service.settings import SettingsError, WorkerSettings, worker_settings
from service.stores.transaction import TransactionStore
from service.task import task_id
from service.worker.drain import Drain

WRONG = 78
_STATEMENT_SECONDS = 10.0
_CONNECTIONS = 2
_PAUSE_SECONDS = (1.0, 30.0)


async def work(settings: WorkerSettings) -> int:
    """Drain until a signal; 0, or 78 where the store has an older schema than this build needs."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    aws = Aws(settings.region)
    writers = Servers(
        Server(
            address,
            settings,
            role=WRITER,
            version=schema_version.spoken("transaction"),
            notes_versions=False,
            statement_seconds=_STATEMENT_SECONDS,
            connections=_CONNECTIONS,
            token=aws.database_token,
        )
        for address in settings.transaction_writer
    )
    watcher = ModeWatcher(
        ServiceMode(),  # acknowledged, and no reason to stop: the store takes writes in READ_ONLY
        region=settings.region,
        table=settings.control_table,
        layer="worker",
        task_id=task_id(settings),
    )
    watcher.start()
    await writers.open()
    log("working", build=settings.build)
    drain = Drain(
        aws, settings.events_queue_url, TransactionStore(readers=Servers(()), writers=writers)
    )
    try:
        return await _until(stopping, drain, writers)
    finally:
        await asyncio.to_thread(watcher.stop)
        await writers.close()
        await aws.close()
        log("stopped")


async def _until(stopping: asyncio.Event, drain: Drain, writers: Servers) -> int:
    pause = _PAUSE_SECONDS[0]
    versions = {each.name: Versions(each.version) for each in writers.servers}
    stop = asyncio.ensure_future(stopping.wait())
    while not stopping.is_set():
        look = asyncio.ensure_future(_looked(drain, writers, versions))
        await asyncio.wait([look, stop], return_when=asyncio.FIRST_COMPLETED)
        if not look.done() and not drain.holding:
            look.cancel()  # it waits for a first message: whatever comes now comes again later
            break
        outcome = await look
        if outcome == WRONG:
            return WRONG
        if outcome == 0:
            pause = _PAUSE_SECONDS[0]
            continue
        await asyncio.wait([stop], timeout=pause)
        pause = min(pause * 2, _PAUSE_SECONDS[1])
    return 0


async def _looked(drain: Drain, writers: Servers, versions: dict[str, Versions]) -> int:
    """0 when the queue was looked into; 1 when something is away; 78 when it does not fit."""
    try:
        # Nothing is received that could not be kept: else five looks would make it a dead letter.
        await drain.require_store()
        await drain.once()
    except (UnavailableError, *FAILURES) as error:
        log("holding off", error=type(error).__name__, reason=str(error)[:300])
        for server in writers.servers:
            if await _stays_older(server, versions[server.name]):
                return WRONG
        return 1
    return 0


async def _stays_older(server: Server, versions: Versions) -> bool:
    try:
        if await server.has_version():
            return False
        if versions.may_come({server.name: await server.read_version()}):
            return False
    except Exception:  # noqa: S112 (away, and so of no version)
        return False
    reason = SchemaVersionError(
        f"{server.name} has an older schema version than {server.version}, which this build "
        "needs: migrate the transaction store first"
    )
    log("not working", reason=str(reason))
    return True


def main() -> int:
    """Work; the exit code is docs/service-contract.md's."""
    try:
        settings = worker_settings(os.environ)
    except SettingsError as error:
        log("not started", reason=str(error))
        return WRONG
    return asyncio.run(work(settings))


if __name__ == "__main__":
    sys.exit(main())
