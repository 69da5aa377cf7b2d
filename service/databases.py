"""PostgreSQL as requests see it: a list of servers, of which the first that can answer is asked.

Each statement runs in a transaction of its own and one round trip: what it is about (for row-level
security), the statement, the check of the schema version, and the commit. The check comes last: a
migration that is committed after it locked out this statement, and one before it shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg_pool import TooManyRequests

from service.connections import NO_CONNECTION, Connection, Connections, Parameters
from service.fair_queue import FairQueue
from service.log import log
from service.schema_version import SchemaVersionError
from service.settings import Address, DatabaseSettings

Row = dict[str, Any]

# A server that failed is left out for so long, unless every one of a list is.
_REST_SECONDS = 1.0
# And one that has never answered for so long: the writer of a copy that nobody promoted yet.
_UNKNOWN_REST_SECONDS = 30.0
# A server that says nothing is given up so long after its statement should have ended.
_GRACE_SECONDS = 0.5
# How long a question waits for its turn, and how long one takes until that is measured.
_TURN_SECONDS, _SECONDS_EACH = 4.0, 0.01
# Of a whole question, over all servers, before the caller is told that none answers.
BUDGET_SECONDS = 6.0
# The store's version, and the newest that old code does not run on: since that one.
_VERSION = """
SELECT coalesce(max(version), 0) AS version,
    coalesce(max(version) FILTER (WHERE breaks), 0) AS since FROM operations.migration
"""
_TAKES = "SELECT NOT pg_is_in_recovery() AND has_table_privilege(%s, 'INSERT') AS takes"
# Divides by zero, and so ends the transaction, on a server whose schema this build does not speak.
_CHECK = f"SELECT version, 1 / (%s BETWEEN since AND version)::int FROM ({_VERSION}) AS found"
# The versions of the entity store that the statements of a request were answered on.
ANSWERED_ON: ContextVar[set[int] | None] = ContextVar("ANSWERED_ON", default=None)

# Who asks, as keys of a tenant and its client: they take turns at each store.
ASKER: ContextVar[tuple[Hashable, ...]] = ContextVar("ASKER", default=("this process",))

# The next server is asked after these: it is away, too busy, restarting, or catching up.
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, OSError)
# And after these, where the statement can be right and the server not the one that takes it.
_REFUSED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)


# Servers of a higher rank are asked later.
_AWAKE, _RESTING, _UNKNOWN = range(3)


@dataclass(frozen=True)
class Guards:
    """Statements of a write's own transaction, before and after it, that end it by an error."""

    before: tuple[tuple[str, Sequence[Any]], ...] = ()
    after: tuple[tuple[str, Sequence[Any]], ...] = ()


NO_GUARDS = Guards()


class UnavailableError(Exception):
    """No server of a store answers, or none takes the write."""


class RefusedWriteError(UnavailableError):
    """A server answered, and takes no writes: it is fenced, or a standby."""


class UnknownOutcomeError(UnavailableError):
    """A write was sent, and its answer was lost: it may have been committed."""


class Server:
    """One server and the pool of connections to it, as one role."""

    def __init__(
        self,
        address: Address,
        settings: DatabaseSettings,
        *,
        role: str,
        version: int,
        notes_versions: bool,
        statement_seconds: float,
        connections: int,
        token: Callable[[Address, str], str],
    ) -> None:
        self.name = f"{address[0]}:{address[1]}"
        self.version = version
        self._notes_versions = notes_versions  # of its answers, in ANSWERED_ON
        self.rest_until = 0.0
        self._statement_seconds = statement_seconds
        self._noted: str | None = None
        self.connections = Connections(
            self.name,
            _connection(address, settings, role, statement_seconds, token),
            size=connections,
        )
        self.pool = self.connections.pool

    async def ask(
        self,
        about: Mapping[str, str],
        statement: str,
        values: Sequence[Any] = (),
        guards: Guards = NO_GUARDS,
    ) -> list[Row]:
        """Return the rows of one statement; SchemaVersionError on a server of another version."""

        if self.rest_until and not self.connections.has_given:
            self._begin_rest()  # one question tries it again, and others pass by meanwhile

        def transact(connection: Connection) -> Awaitable[list[Row]]:
            return self._transaction(connection, about, statement, values, guards)

        try:
            rows = await self.connections.use(
                transact, seconds=self._statement_seconds + _GRACE_SECONDS
            )
        except errors.DivisionByZero:
            self._begin_rest()
            raise SchemaVersionError(
                f"{self.name} has another schema version than {self.version}, which this build "
                "speaks"
            ) from None
        except (errors.ProgrammingError, errors.NotSupportedError) as error:
            if isinstance(error, errors.InsufficientPrivilege) or await self.has_version():
                raise
            raise SchemaVersionError(f"{self.name} was migrated meanwhile") from None
        except _AWAY as error:
            self._rest(error)
            raise
        self._noted = None
        self.rest_until = 0.0
        return rows

    async def _transaction(
        self,
        connection: Connection,
        about: Mapping[str, str],
        statement: str,
        values: Sequence[Any],
        guards: Guards,
    ) -> list[Row]:
        async with connection.pipeline():
            await connection.execute("BEGIN")
            for setting, value in about.items():
                await connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
            for guard, given in guards.before:
                await connection.execute(guard.encode(), given)
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(statement.encode(), values)
            for guard, given in guards.after:
                await connection.execute(guard.encode(), given)
            checked = await connection.execute(_CHECK.encode(), (self.version,))
            await connection.execute("COMMIT")
        if self._notes_versions and (noted := ANSWERED_ON.get()) is not None:
            noted |= {row[0] for row in await checked.fetchall()}
        return await cursor.fetchall() if cursor.description else []

    async def has_version(self) -> bool:
        """Return whether the server has what this build speaks; raises what asking it raises."""
        version, since = await self._read_versions()
        return since <= self.version <= version

    async def read_version(self) -> int:
        """Return the server's schema version, 0 where it has none."""
        return (await self._read_versions())[0]

    async def _read_versions(self) -> tuple[int, int]:
        return await self.connections.use(_read_versions, seconds=2.0)

    def _rest(self, error: BaseException) -> None:
        if isinstance(error, TooManyRequests):
            return  # the server is well, and this process asks too much of it
        if self.rank() == _AWAKE and _took_connections(error):
            self.connections.renew()
        self._begin_rest()
        if (noted := type(error).__name__) != self._noted:
            self._noted = noted
            log("database away", server=self.name, error=noted)

    def _begin_rest(self) -> None:
        seconds = _REST_SECONDS if self.connections.has_given else _UNKNOWN_REST_SECONDS
        self.rest_until = time.monotonic() + seconds

    @property
    def is_away(self) -> bool:
        """Return whether it rests after a failure, and answered before."""
        return self._noted is not None and self.rank() == _RESTING

    def rank(self) -> int:
        """Return _AWAKE, _RESTING, or _UNKNOWN for one that rests and has never answered."""
        if self.rest_until <= time.monotonic():
            return _AWAKE
        return _RESTING if self.connections.has_given else _UNKNOWN


async def _read_versions(connection: Connection) -> tuple[int, int]:
    try:
        row = await (await connection.execute(_VERSION)).fetchone()
    except errors.UndefinedTable:
        return 0, 0
    assert row is not None
    return row[0], row[1]


class Servers:
    """The servers of one store for one role, in order of preference.

    Whoever asks more than its share waits for itself alone: no client takes every connection.
    """

    def __init__(self, servers: Iterable[Server]) -> None:
        self.servers = list(servers)
        connections = max((each.pool.max_size for each in self.servers), default=1)
        self._turns = FairQueue(
            at_once=connections, wait_seconds=_TURN_SECONDS, seconds_each=_SECONDS_EACH
        )
        self.found_other_version = False  # by the last `take`

    async def open(self) -> None:
        for server in self.servers:
            await server.pool.open()

    async def close(self) -> None:
        for server in self.servers:
            await server.pool.close(timeout=2.0)

    async def ask(
        self,
        about: Mapping[str, str],
        statement: str,
        values: Sequence[Any] = (),
        *,
        backwards: bool = False,
        again: bool = True,
        guards: Guards = NO_GUARDS,
    ) -> list[Row]:
        """Return what the first server that can answer answers.

        With `again` the statement may run twice, where an answer was lost on the way; without it
        that is an UnknownOutcomeError. UnavailableError when none can in time; BusyError where too
        much is asked for by whom ASKER names.
        """
        async with self._turns.turn(*ASKER.get()):
            return await self._ask(about, statement, values, backwards, again, guards)

    async def _ask(
        self,
        about: Mapping[str, str],
        statement: str,
        values: Sequence[Any],
        backwards: bool,
        again: bool,
        guards: Guards,
    ) -> list[Row]:
        deadline = time.monotonic() + BUDGET_SECONDS
        refusals: dict[str, str] = {}
        rounds, refused = 0, False
        while True:
            for server in self._order(backwards):
                try:
                    return await server.ask(about, statement, values, guards)
                except _REFUSED as error:
                    refusals[server.name] = type(error).__name__
                    refused = True
                except (SchemaVersionError, *_AWAY) as error:
                    refusals[server.name] = type(error).__name__
                    if not again and _may_have_run(error):
                        raise UnknownOutcomeError(
                            f"the answer of {server.name} was lost"
                        ) from error
                if rounds and time.monotonic() > deadline:
                    break  # every server was asked once in any case
            rounds += 1
            # What one server refuses, another takes that failed a moment ago: it is asked again.
            back = min((one.rest_until for one in self.servers if one.is_away), default=0.0)
            if time.monotonic() > deadline or rounds >= 3 or (refused and not back):
                kind = RefusedWriteError if refused else UnavailableError
                raise kind(f"no server answers: {refusals}")
            # A restart or a failover takes longer than a retry.
            await asyncio.sleep(max(0.1 * rounds, back - time.monotonic() if refused else 0.0))

    async def take(self, table: str) -> bool:
        """Return whether one of them answers and lets this role write a table."""
        self.found_other_version = False
        for server in self.ranked():
            try:
                rows = await server.ask({}, _TAKES, (table,))
            except SchemaVersionError:
                self.found_other_version = True
                continue
            except Exception:  # noqa: S112 (whatever it is, this one takes no writes)
                continue
            if rows[0]["takes"]:
                return True
        return False

    def ranked(self, *, backwards: bool = False) -> list[Server]:
        """Return all servers in order of preference, the resting ones after those awake."""
        return sorted(self.servers[::-1] if backwards else self.servers, key=lambda s: s.rank())

    def _order(self, backwards: bool) -> list[Server]:
        """Return the servers to ask.

        One that rests is left out unless all do; one that has never answered is asked last, as it
        may be the one that was promoted.
        """
        ranked = self.ranked(backwards=backwards)
        if ranked and ranked[0].rank() != _AWAKE:
            return ranked
        return [server for server in ranked if server.rank() != _RESTING]


def _may_have_run(error: BaseException) -> bool:
    """Whether a write could have been committed although its answer is an error."""
    return not isinstance(error, (SchemaVersionError, *NO_CONNECTION)) and not _has_answered(error)


def _took_connections(error: BaseException) -> bool:
    """Return whether a server that failed so ended its other connections as well."""
    if isinstance(error, NO_CONNECTION):
        return False
    return not _has_answered(error) or isinstance(
        error, errors.AdminShutdown | errors.CrashShutdown
    )


def _has_answered(error: BaseException) -> bool:
    """Return whether the server said what went wrong, so that its connection still stands."""
    return isinstance(error, psycopg.Error) and error.sqlstate is not None


def _connection(
    address: Address,
    settings: DatabaseSettings,
    role: str,
    statement_seconds: float,
    token: Callable[[Address, str], str],
) -> Parameters:
    fixed: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "dbname": settings.database_name,
        "user": role,
        "autocommit": True,
        "connect_timeout": 2,
        "tcp_user_timeout": 3_000,  # milliseconds until a peer that is gone is given up
        "application_name": "mainstay-service",
        "options": f"-c statement_timeout={int(statement_seconds * 1_000)} -c timezone=UTC",
    }

    async def parameters() -> dict[str, Any]:
        if settings.database_auth == "trust":
            return fixed
        # A token is valid for 15 minutes, and asked for once a connection.
        return fixed | {"password": token(address, role)}

    return parameters
