"""Every act of the command line, and a system of servers on which acts are run and compared."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from local.postgres import SUPERUSER, PostgresServer
from service.operations import command
from service.operations.node import DatabaseNode
from service.operations.operator import Operator
from tests.service.operations.conftest import DATABASE, Lab

_STATE = {
    "roles": "SELECT rolname, rolcanlogin, rolreplication FROM pg_roles ORDER BY 1",
    "rights": "SELECT relname, relacl::text FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'i') ORDER BY 1",
    "defaults": "SELECT defaclacl::text FROM pg_default_acl",
    "versions": "SELECT version, name, sha256 FROM operations.migration ORDER BY 1",
    "halted": "SELECT version FROM operations.halted",
    "owed": "SELECT * FROM operations.advance ORDER BY 1",
    "done": "SELECT count(*) FROM operations.bootstrap",
    "clones": "SELECT target FROM operations.clone ORDER BY 1",
    "promoted": "SELECT id, lost, over FROM operations.promotion ORDER BY 1",
    "reconciled": "SELECT promotion, set_aside IS NULL, count(*) FROM operations.reconciled"
    " GROUP BY 1, 2 ORDER BY 1, 2",
    "floors": "SELECT slot FROM operations.slot_floor ORDER BY 1",
    "published": "SELECT tablename FROM pg_publication_tables ORDER BY 1",
    "slots": "SELECT slot_name, plugin, failover FROM pg_replication_slots ORDER BY 1",
    "subscriptions": "SELECT subname, subenabled, subslotname, suborigin, subdisableonerr"
    " FROM pg_subscription ORDER BY 1",
    "subscribed": "SELECT c.relname, r.srsubstate FROM pg_subscription_rel r"
    " JOIN pg_class c ON c.oid = r.srrelid ORDER BY 1",
    "columns": "SELECT table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2",
    # Where in the log is a server's own.
    "told": "SELECT name, CASE WHEN name <> 'recovery_target_lsn' THEN setting END"
    " FROM pg_file_settings WHERE name ~ '^recovery_' AND applied ORDER BY 1",
    "delay": "SELECT current_setting('recovery_min_apply_delay')",
    "paused": "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()"
    " THEN pg_get_wal_replay_pause_state() <> 'not paused' END",
}
_ALL = "SELECT json_build_object({})".format(
    ", ".join(
        f"'{what}', (SELECT json_agg(r) FROM ({question}) AS r)"
        for what, question in _STATE.items()
    )
)


class System(Lab):
    """A lab with readers and the delayed replica, whose superusers are known."""

    readers: dict[str, str] = {}  # by master
    target = file = ""  # of the delayed replica's acts

    @property
    def nodes(self) -> dict[str, DatabaseNode]:
        found = super().nodes
        for name in ("follower", "delayed", *self.readers.values()):
            if name in found:
                found[name] = replace(found[name], dsn=self.by_name[name].dsn(DATABASE, SUPERUSER))
        for master, reader in self.readers.items():
            found[master] = replace(found[master], readers=(reader,))
        return found

    def run(self, act: list[str], **options: Any) -> tuple[Any, list[str]]:
        """The answer of an act, and the statements that it told."""
        told = io.StringIO()
        with contextlib.redirect_stderr(told), self.operator(**options) as operator:
            answer = performed(act)(operator)
        return answer, [line for line in told.getvalue().splitlines() if line.startswith("/* ")]

    def state(self) -> dict[str, Any]:
        return state(self)


def state(lab: Lab) -> dict[str, Any]:
    """Everything that an operation may leave different, of every node that runs."""
    return {
        f"{name} {what}": rows
        for name, server in lab.by_name.items()
        if server.is_running
        for what, rows in _state_of(server).items()
    }


def _state_of(server: PostgresServer) -> dict[str, Any]:
    if not server.ask("SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
        return {"database": None}
    try:
        return server.ask(_ALL, database=DATABASE)[0][0]
    except psycopg.errors.UndefinedTable:
        return {"operations": None}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An act in a story: `before` prepares a system for it, `kills` is the least there are.

    `process` is whether it is killed with SIGKILL.
    """

    act: str
    before: Callable[[Any], None] | None = None
    kills: int = 1
    process: bool = False

    @property
    def name(self) -> str:
        """As `all_acts` names it."""
        arguments = self.act.split()
        names = all_acts()
        return next(n for n in (" ".join(arguments[:2]), arguments[0]) if n in names)


def performed(act: list[str]) -> Callable[[Operator], Any]:
    """An act as the command line would perform it."""
    chosen = command.parser().parse_args(act)
    return lambda operator: chosen.run(operator, chosen)


def all_acts() -> list[str]:
    """Every act that the command line knows: with what it acts on, where there is a choice."""
    found = []
    for name, act in _choices(command.parser()).items():
        found.extend(f"{name} {what}".strip() for what in _whats(act))
    return found


def _whats(parser: argparse.ArgumentParser) -> list[str]:
    inner = _choices(parser)
    if inner:
        return list(inner)
    for action in parser._actions:
        if action.dest == "what" and action.choices:
            return [str(choice) for choice in action.choices]
    return [""]


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
