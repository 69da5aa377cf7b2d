"""The environment that a reviewer's command was asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from config.model import Environment


def choose(name: str) -> Environment:
    """The environment of that name. Raises ValueError where there is none, or its file is wrong."""
    # Imported here because the file is validated while it is imported, and a person who has just
    # edited it should read its problems and no traceback.
    from config.environments import environment_named

    return environment_named(name)


def command(module: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m review.<module> --environment NAME`."""
    parser = argparse.ArgumentParser(prog=f"review.{module}", description=description)
    parser.add_argument("--environment", default="production", metavar="NAME")
    return parser


def answer(main: Callable[[], int], prefix: str) -> int:
    """Run a command: what makes it impossible is printed as its message alone, and exits 2."""
    try:
        return main()
    except ValueError as error:
        print(f"{prefix}: {error}", file=sys.stderr)
        return 2
