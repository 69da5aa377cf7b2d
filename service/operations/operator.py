"""Runs statements on the nodes: prints what it changes, or only prints, and waits with a bound."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, Self, cast

import psycopg
from psycopg import sql

from service.operations.node import DatabaseNode, DeclinedError, Link, links

Statement = str | sql.Composable
# Called with "before" or "after", the node's name and the text, around every change.
Watch = Callable[[str, str, str], None]

_POLL_SECONDS = 0.05
_SETTINGS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        # Whoever waits longer for a lock stands in the way of others: it fails, and is retried.
        "lock_timeout": "15s",
        # Text of a row must not depend on the server it is compared on.
        "timezone": "UTC",
        "datestyle": "ISO",
        "extra_float_digits": "1",
        "idle_in_transaction_session_timeout": "10min",
    }.items()
)


def print_event(event: dict[str, Any]) -> None:
    """Print one structured line on standard output."""
    print(json.dumps(event, default=str), flush=True)


def print_statement(text: str) -> None:
    """Print a statement for people on standard error."""
    print(text, file=sys.stderr, flush=True)


class NodeSession:
    """A connection to one node; every change passes through `change`."""

    def __init__(
        self, node: DatabaseNode, *, database: str, dry_run: bool, watch: Watch | None
    ) -> None:
        self.node = node
        self.dry_run = dry_run
        self.fence_shown = False  # a dry run goes on as if it had done what it told
        self._watch = watch
        self.connection = psycopg.connect(
            node.dsn,
            autocommit=True,
            dbname=database,
            connect_timeout=5,
            application_name="mainstay-operations",
            options=_SETTINGS,
        )

    def rows(self, statement: Statement, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a question returns. Questions are asked in a dry run too."""
        return self.connection.execute(self.text(statement).encode(), values or None).fetchall()

    def column(self, statement: Statement, *values: Any) -> list[Any]:
        return [row[0] for row in self.rows(statement, *values)]

    def value(self, statement: Statement, *values: Any) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(statement, *values)
        return rows[0][0] if rows else None

    def change(
        self,
        statement: Statement,
        *parts: Any,
        hide: str | None = None,
        shown: str | None = None,
        **named: Any,
    ) -> int | None:
        """Run a statement that changes something, or print it; return the rows that it changed.

        Where `parts` are given they fill its braces as psycopg's `sql.SQL.format` has it: values
        become literals. `hide` is never printed; `shown` is printed in place of the statement. None
        in a dry run.
        """
        if parts or named:
            statement = sql.SQL(cast(LiteralString, statement)).format(*parts, **named)
        text = self.text(statement)
        shown = shown or (text.replace(hide, "********") if hide else text)
        print_statement(f"/* {self.node.name} */ {shown.strip()};")
        done = self.perform(shown, lambda: self.connection.execute(text.encode()))
        return None if done is None else done.rowcount

    def perform(self, shown: str, do: Callable[[], Any]) -> Any:
        """Do what is more than a statement, but in a dry run; `shown` was printed already."""
        if self.dry_run:
            return None
        if self._watch:
            self._watch("before", self.node.name, shown)
        done = do()
        if self._watch:
            self._watch("after", self.node.name, shown)
        return done

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all the changes inside, or none of them."""
        self.change("BEGIN")
        try:
            yield
        except BaseException:
            if not self.dry_run and not self.connection.closed:
                self.connection.execute("ROLLBACK")
            raise
        self.change("COMMIT")

    def text(self, statement: Statement) -> str:
        return statement if isinstance(statement, str) else statement.as_string(self.connection)


class Operator:
    """The nodes of one environment, a connection to each that is used, and the timeout.

    `timeout` bounds every wait, in seconds.
    """

    def __init__(
        self,
        nodes: dict[str, DatabaseNode],
        *,
        dry_run: bool = False,
        timeout: float = 120,
        watch: Watch | None = None,
    ) -> None:
        self.nodes = nodes
        self.dry_run = dry_run
        self.timeout = timeout
        self._watch = watch
        # Nodes that do not answer, and are not asked: their own slots stand on who does.
        self.away: set[str] = set()
        self._sessions: dict[tuple[str, str], NodeSession] = {}
        self._followed: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions.values():
            session.connection.close()
        self._sessions.clear()

    def node(self, name: str) -> DatabaseNode:
        """The node of that name; DeclinedError with those there are."""
        if name not in self.nodes:
            known = ", ".join(sorted(self.nodes))
            raise DeclinedError(f"'{name}' is no node of this environment, which has: {known}")
        return self.nodes[name]

    def on(self, name: str, *, database: str | None = None) -> NodeSession:
        """The connection to a node, opened when it is first used."""
        node = self.node(name)
        wanted = database or node.database
        session = self._sessions.get((name, wanted))
        if session is None or session.connection.closed:
            session = self._opened(node, wanted)
            self._sessions[name, wanted] = session
        return session

    def link(self, publisher: str, subscriber: str) -> Link:
        """The direction between two nodes; DeclinedError where they are not linked."""
        for link in self._links(ask=subscriber == "follower"):
            if (link.publisher.name, link.subscriber.name) == (publisher, subscriber):
                return link
        raise DeclinedError(f"'{subscriber}' does not subscribe to '{publisher}'")

    def link_named(self, name: str) -> Link:
        """The direction with this slot and subscription; DeclinedError where there is none."""
        for link in self._links(ask=name.startswith("follower")):
            if link.name == name:
                return link
        raise DeclinedError(f"'{name}' is no slot of this environment")

    def links_of(
        self, *, publisher: str | None = None, subscriber: str | None = None
    ) -> list[Link]:
        """The directions out of a node, or into one."""
        return [
            link
            for link in self._links(ask=True)
            if publisher in (None, link.publisher.name)
            and subscriber in (None, link.subscriber.name)
        ]

    def find_away(self, *names: str) -> None:
        """Note which of these nodes do not answer, for commands that users need more than them."""
        for name in names:
            if name not in self.nodes or name in self.away:
                continue
            try:
                self.on(name)
            except psycopg.OperationalError as error:
                self.away.add(name)
                print_event({"away": name, "why": str(error).strip()})

    def forget_whom_it_follows(self) -> None:
        """Ask the follower again for its publisher."""
        self._followed = None

    def _links(self, *, ask: bool) -> list[Link]:
        """Return every direction; without `ask` the follower, which may be silent, is not asked."""
        if self._followed is None and ask:
            self._followed = self._whom_it_follows()
        return links(self.nodes, followed=self._followed or "entity-a")

    def _whom_it_follows(self) -> str:
        """Master B after `repoint`; else A, also where the follower is not there to be asked."""
        if not {"follower", "entity-b"} <= self.nodes.keys():
            return "entity-a"
        try:
            moved = self.on("follower").value(
                "SELECT subname FROM pg_subscription WHERE subname = 'follower_from_entity_b'"
            )
        except psycopg.OperationalError:
            moved = None
        return "entity-b" if moved else "entity-a"

    def wait(
        self,
        holds: Callable[[], bool],
        what: str,
        *,
        seconds: float | None = None,
        every: float = _POLL_SECONDS,
    ) -> None:
        """Ask until it holds; TimeoutError naming `what` after the timeout, or after `seconds`.

        `every` is the seconds between two questions.
        """
        if self.dry_run:
            print_statement(f"-- waits until {what}")
            return
        bound = self.timeout if seconds is None else seconds
        deadline = time.monotonic() + bound
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {bound:g} s: {what}")
            time.sleep(every)

    def _opened(self, node: DatabaseNode, database: str) -> NodeSession:
        def opened(name: str) -> NodeSession:
            return NodeSession(node, database=name, dry_run=self.dry_run, watch=self._watch)

        try:
            return opened(database)
        except psycopg.OperationalError as error:
            if self.dry_run and "does not exist" in str(error):
                return opened("postgres")  # as empty as the one that is to be created
            raise
