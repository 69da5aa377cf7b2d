"""Answers: tables and progress for people, one line of JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click

_WIDE = 10_000  # characters: no line of a pipe or a file is folded


def answer(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer: one line of JSON, or a line for each of its values."""
    if as_json:
        click.echo(json.dumps(value, default=str))
        return
    for name, each in value.items():
        text = each if isinstance(each, str) else json.dumps(each, default=str)
        click.echo(f"{name.replace('_', ' ')}: {text}")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their heads, in colours on a terminal alone."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE, markup=False, emoji=False).print(made)


class Advance(Protocol):
    """Moves a bar on: by `done`, or to `done` of a total."""

    def __call__(self, done: int, total: int | None = None, /) -> None: ...


def _unseen(done: int, total: int | None = None, /) -> None:
    """Move nothing: nobody looks."""


@contextmanager
def progress(unit: str) -> Iterator[Advance]:
    """Yield `advance(done, total)` of a bar on standard error, which nobody sees but a terminal.

    It may be called from many threads.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(unit, total=None)

        def advance(done: int, total: int | None = None, /) -> None:
            if total is None:
                bar.advance(task, done)
            else:
                bar.update(task, completed=done, total=total)

        yield advance
