"""The plan of an environment's deploys as a page for people."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from assembly.waves import wave_patterns
from config.model import Environment
from review.deploy_plan import OperatorStep, steps, used_regions

WIDTH = 96


def render(environment: Environment, found: Sequence[str], *, ready: bool) -> list[str]:
    """Return the page: the lines of what was found, then the steps."""
    lines = [
        f"Preflight of {environment.name}: account {environment.account}, "
        f"{environment.domain}, {' and '.join(used_regions(environment))}",
        f"  stacks, in order: {', then '.join(wave_patterns(environment))}",
        "",
    ]
    if not ready:
        lines.append("NOT READY TO DEPLOY")
    lines += [*(f"  {line}" for line in found), ""] if found else []
    for number, step in enumerate(steps(environment), start=1):
        lines += [*render_step(step, number), ""]
    by_itself = (
        f"`make deploy ENV={environment.name}` checks all this and takes the deploys among these "
        "steps, asks before each, stops for what a person does, and goes on when started again."
    )
    return [*lines, *wrap(by_itself, WIDTH)]


def render_step(step: OperatorStep, number: int, *, why: bool = True) -> list[str]:
    """Return one step as numbered, wrapped text with its commands."""
    lead, indent = f"{number:>2}. ", "    "
    lines = wrap(step.title, WIDTH, lead, indent)
    if why:
        lines += wrap(step.why, WIDTH, indent, indent)
    return lines + [line for words in step.commands for line in _command(words)]


def _command(words: str) -> list[str]:
    """Return the command's lines, broken before an option where it is too long."""
    bound = re.sub(r"( --?[\w-]+) (?!-)", "\\1\0", words)  # an option stays with its value
    lines = [line.replace("\0", " ") for line in wrap(bound, WIDTH - 10)]
    prompts = ["    $ ", *["        "] * (len(lines) - 1)]
    ends = [*[" \\"] * (len(lines) - 1), ""]
    return [prompt + line + end for prompt, line, end in zip(prompts, lines, ends, strict=True)]


def wrap(text: str, width: int, lead: str = "", indent: str = "") -> list[str]:
    """Return the lines; names of Regions and commands keep their hyphens."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
