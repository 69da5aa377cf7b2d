"""PostgreSQL on a machine of ours, as operations start it again or have it copied anew.

Its superuser does both over a connection, so that nobody has to log in to the machine: what watches
over the server there (systemd; constructs/mainstay/database/replica/boot.sh) starts it whenever it
ended, and first makes it anew where a file beside its data asks for that.
"""

from __future__ import annotations

import contextlib

import psycopg

from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator

# The backend's folder is the data folder; SIGINT to the first process is a fast, clean shutdown.
# What COPY writes is read first: a pipe whose reader has gone is an error.
STOP = "COPY (SELECT) TO PROGRAM 'cat > /dev/null; kill -INT \"$(head -n 1 postmaster.pid)\"'"


def restart(operator: Operator, node: str) -> None:
    """Start PostgreSQL on a node again; returns when it answers. Connections to it are ended.

    DeclinedError for who is no superuser there, as nobody is on RDS; TimeoutError where nothing
    starts it within the timeout.
    """
    session = operator.on(node)
    require_superuser(session)
    began = session.value("SELECT pg_postmaster_start_time()::text")
    with contextlib.suppress(psycopg.OperationalError):  # it may end before it has answered
        session.change(STOP)
    operator.wait(lambda: _began(operator, node) not in (None, began), f"{node} has started again")


def require_superuser(session: NodeSession) -> None:
    if not session.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        raise DeclinedError(
            f"{session.node.name} is to be started again, which its superuser alone may; where a "
            "provider manages it: pause it, and dump from it as it is"
        )


def wait_for(operator: Operator, node: str) -> NodeSession:
    """The connection to a node that may be starting, or being copied, just now."""
    operator.wait(lambda: _began(operator, node) is not None, f"{node} answers")
    return operator.on(node)


def reclone_standby(operator: Operator, node: str, *, of: str) -> None:
    """Let a standby be copied from whom it follows again; what it held is gone.

    Returns when the copy answers as a standby, within the timeout. Killed or out of timeout, it
    is being copied all the same: run again, it waits for that.
    """
    session = operator.on(node)
    require_superuser(session)
    _keep_log(operator.on(of), slot_of(session))
    request = request_of(session)
    session.change("COPY (SELECT {}) TO {}", of, request)
    restart(operator, node)
    operator.wait(lambda: _is_copied(operator, node, request), f"{node} is a copy of {of}")


def request_of(session: NodeSession) -> str:
    """The file beside a server's data that asks for a new copy."""
    return session.value("SELECT current_setting('data_directory') || '.reclone'")


def slot_of(session: NodeSession) -> str:
    """The slot that keeps the log for a standby."""
    return session.value("SELECT current_setting('primary_slot_name')")


def lost_track(operator: Operator, node: str, source: str) -> str | None:
    """Why a server can never follow another again as it is, or None."""
    session, followed = operator.on(node), operator.on(source)
    if not session.value("SELECT pg_is_in_recovery()"):
        return f"{node} was promoted, and its timeline went on"
    own, other = (
        one.value("SELECT system_identifier FROM pg_control_system()")
        for one in (session, followed)
    )
    if own != other:
        return f"{source} was made anew, and {node} is no copy of it"
    status = _slot_status(followed, slot_of(session))
    if status in (None, "lost"):
        return f"{source} no longer keeps the log that {node} has not received"
    return None


def _slot_status(session: NodeSession, slot: str) -> str | None:
    return session.value("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", slot)


def _keep_log(session: NodeSession, slot: str) -> None:
    """Keep the log from now on, in a slot that is good for something."""
    status = _slot_status(session, slot)
    if status == "lost":
        session.change("SELECT pg_drop_replication_slot({})", slot)
    if status in (None, "lost"):
        session.change("SELECT pg_create_physical_replication_slot({}, true)", slot)


def _began(operator: Operator, node: str) -> str | None:
    """When a server started; None while it does not answer."""
    try:
        return operator.on(node).value("SELECT pg_postmaster_start_time()::text")
    except psycopg.OperationalError:
        return None


def _is_copied(operator: Operator, node: str, request: str) -> bool:
    try:
        return operator.on(node).value(
            "SELECT pg_is_in_recovery() AND pg_stat_file(%s, true) IS NULL", request
        )
    except psycopg.OperationalError:
        return False
