"""What every act of the command understands."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from functions.block_archive.connect import BLOCKS_PER_SECOND, TRANSPORTS

WORKERS = 16

Run = Callable[[argparse.Namespace], dict[str, Any]]


def act(acts: Any, name: str, about: str, run: Run) -> argparse.ArgumentParser:
    """A parser with the options that all acts on a bucket share."""
    parser = acts.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--endpoint-url", help="instead of AWS")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--workers", type=_count, default=WORKERS, help="requests at once")
    text = "most blocks per second; the default is 80 %% of EBS's quota"
    parser.add_argument("--blocks-per-second", type=_rate, default=BLOCKS_PER_SECOND, help=text)
    text = "how bytes travel: lean needs less processor time (MAINSTAY_BACKUP_TRANSPORT)"
    default = os.environ.get("MAINSTAY_BACKUP_TRANSPORT", TRANSPORTS[0])
    parser.add_argument("--transport", choices=TRANSPORTS, default=default, help=text)
    text = "show a bar on standard error even where it is no terminal"
    parser.add_argument("--progress", action="store_true", help=text)
    return parser


def root(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Which backup."""
    text = "a key under manifests/, a snapshot's id, latest, or latest:VOLUME"
    parser.add_argument("--root", required=required, default="latest", help=text)


def limit(parser: argparse.ArgumentParser) -> None:
    """What a job may cost without a word."""
    text = "US dollars of requests above which --yes is needed"
    parser.add_argument("--limit", type=float, default=10.0, help=text)
    parser.add_argument("--yes", action="store_true", help="whatever it costs")


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"should be 1 to 256, got {text}")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"should be above 0, got {text}")
    return value
