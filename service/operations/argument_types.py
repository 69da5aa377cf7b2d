"""Values that the command line takes, held against what they should be."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class LinkAction(argparse.Action):
    """Takes a publisher and a subscriber, or neither."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if values and len(values) != 2:
            parser.error("publisher and subscriber, or neither of them")
        namespace.link = values or None


def seconds(text: str) -> float:
    """Return a number of seconds. Raises argparse.ArgumentTypeError below 0."""
    found = float(text)
    if found < 0:
        raise argparse.ArgumentTypeError(f"should be 0 or more seconds, got {text}")
    return found
