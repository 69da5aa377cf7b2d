"""Holds what the commands on an archive's bucket share."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import click

from cli.command import as_json
from cli.errors import InterruptionError
from cli.output import answer
from functions.block_archive.connect import (
    BLOCKS_PER_SECOND,
    TRANSPORTS,
    ArchiveConnection,
    connect,
)
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store

Parts = tuple[ReliableBlocks, Store]

root = click.option(
    "--root",
    "name",
    default="latest",
    show_default=True,
    help="Which backup: a key under manifests/, a snapshot's id, latest, or latest:VOLUME.",
)


def limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that bound what it may cost."""
    text = "US dollars of requests above which --yes is needed."
    limit = click.option("--limit", type=float, default=10.0, show_default=True, help=text)
    return limit(click.option("--yes", is_flag=True, help="Do it whatever it costs.")(function))


def on_bucket(function: Callable[..., dict[str, Any] | None]) -> Callable[..., None]:
    """Give a command the options that all commands on a bucket share, and print its answer.

    It is called with the connection. Its answer gets the seconds that it took; None is an answer
    that it printed itself.
    """

    @click.option("--bucket", required=True, help="The archive's bucket.")
    @click.option("--endpoint-url", help="Another endpoint instead of AWS, for all services.")
    @click.option(
        "--workers",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="Requests at once.",
    )
    @click.option(
        "--blocks-per-second",
        type=click.FloatRange(min=0, min_open=True),
        default=BLOCKS_PER_SECOND,
        show_default=True,
        help="The most; the default is 80 % of EBS's quota.",
    )
    @click.option(
        "--transport",
        type=click.Choice(TRANSPORTS),
        default=TRANSPORTS[0],
        show_default=True,
        envvar="MAINSTAY_BACKUP_TRANSPORT",
        show_envvar=True,
        help="How bytes travel: lean needs less processor time.",
    )
    @as_json
    @functools.wraps(function)
    def command(
        bucket: str,
        endpoint_url: str | None,
        workers: int,
        blocks_per_second: float,
        transport: str,
        as_json: bool,
        **given: Any,
    ) -> None:
        began, used = time.monotonic(), time.process_time()
        connection = ArchiveConnection(
            bucket=bucket,
            endpoint_url=endpoint_url,
            workers=workers,
            blocks_per_second=blocks_per_second,
            transport=transport,
        )
        try:
            result = function(connection, as_json=as_json, **given)
        except KeyboardInterrupt:
            raise InterruptionError("interrupted: the same command goes on") from None
        if result is not None:
            result["seconds"] = round(time.monotonic() - began, 3)
            result["cpu_seconds"] = round(time.process_time() - used, 3)
            answer(result, as_json=as_json)

    return command


__all__ = ["ArchiveConnection", "Parts", "connect", "limited", "on_bucket", "root"]
