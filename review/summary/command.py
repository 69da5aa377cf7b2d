"""Sums up a synthesized environment: what it is, what it costs, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Sequence

from assembly import reader
from assembly.command import parser_with_assembly
from config.reader import environment_named
from review.cost import prices
from review.summary.figures import plain, sum_up
from review.summary.text import render


def main(argv: Sequence[str] | None = None) -> int:
    """Print the summary of an assembly, for people or with --json for programs."""
    parser = parser_with_assembly("review.summary", __doc__)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    arguments = parser.parse_args(argv)
    environment = environment_named(arguments.environment)
    summary = sum_up(reader.read(arguments.assembly), environment, prices.load())
    print(json.dumps(plain(summary), indent=2) if arguments.json else "\n".join(render(summary)))
    return 0
