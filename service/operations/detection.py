"""Asks by new connections whether a server is lost: an open one says nothing about the next.

The budget is known before anything happens: three tries in a row, each with its time to answer, so
that one lost packet promotes nobody.
"""

from __future__ import annotations

import select
import time
from contextlib import closing

import psycopg
from psycopg import pq

from service.operations.operator import Operator, print_statement

MISSES = 3
INTERVAL_SECONDS = 0.2
ANSWER_SECONDS = 2  # the least that libpq waits for a connection (PGCONNECT_TIMEOUT)

# A server that says so takes no questions; whatever else it says, it is there.
_NOT_SERVING = ("starting up", "shutting down", "in recovery mode", "not yet accepting")


def detection_budget() -> float:
    """The longest from a server's end until `wait_until_lost` is sure, in seconds.

    A refused connection takes far less than its time to answer.
    """
    return MISSES * (INTERVAL_SECONDS + ANSWER_SECONDS)


def is_lost(operator: Operator, name: str) -> bool:
    """Return whether a node misses MISSES questions in a row; the first answer ends the asking."""
    return is_lost_at(operator.node(name).dsn)


def is_lost_at(dsn: str) -> bool:
    """Return `is_lost` of the server that a connection string leads to."""
    for attempt in range(MISSES):
        if attempt:
            time.sleep(INTERVAL_SECONDS)  # the interval of the detector, not a wait for something
        if answers_at(dsn):
            return False
    return True


def wait_until_lost(operator: Operator, name: str) -> None:
    """Ask a node until it is lost; TimeoutError after the timeout."""
    if operator.dry_run:
        print_statement(f"-- waits until {name} is lost")
        return
    deadline = time.monotonic() + operator.timeout
    while not is_lost(operator, name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {operator.timeout:g} s: {name} is lost")
        time.sleep(INTERVAL_SECONDS)


def answers(operator: Operator, name: str) -> bool:
    """Return whether a node answers over a new connection within ANSWER_SECONDS."""
    return answers_at(operator.node(name).dsn)


def answers_at(dsn: str) -> bool:
    """Return `answers` of the server that a connection string leads to.

    A server that refuses, for it has no connection left or does not believe who asks, is there: to
    promote another would not help, and there would be two.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        asked = psycopg.connect(dsn, connect_timeout=ANSWER_SECONDS, autocommit=True)
        with closing(asked):
            return _answers_until(asked.pgconn, deadline)
    except psycopg.OperationalError as error:
        return _is_refusal(str(error))


def _answers_until(connection: pq.abc.PGconn, deadline: float) -> bool:
    """libpq bounds how long it connects and not how long it waits for a result: this does."""
    connection.send_query(b"SELECT 1")
    connection.flush()
    while connection.is_busy():
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([connection.socket], [], [], left)[0]:
            return False
        connection.consume_input()
    result = connection.get_result()
    return result is not None and result.status == pq.ExecStatus.TUPLES_OK


def _is_refusal(text: str) -> bool:
    if "certificate" in text:
        return True
    return "FATAL:" in text and not any(words in text for words in _NOT_SERVING)
