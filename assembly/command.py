"""Begins every command over an assembly: its options, its environment, its errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m <program> --environment NAME`."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--environment", default="production", metavar="NAME")
    return made


def parser_with_assembly(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m <program> --environment NAME [assembly]`."""
    made = parser(program, description)
    made.add_argument("assembly", type=Path, nargs="?", default=Path("cdk.out"))
    return made


def answer(main: Callable[[], int], prefix: str) -> int:
    """Run a command and return its exit code: 2, with one message, for a ValueError."""
    try:
        return main()
    except ValueError as error:
        print(f"{prefix}: {error}", file=sys.stderr)
        return 2
