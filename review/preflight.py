"""What to do, in which order, before and between the deploys of an environment.

Exits 1 while a check finds something that would make the deploy fail or go astray.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence

from config.model import Environment
from review.chosen_environment import answer, choose, command
from review.deploy_plan import Step, placeholders, steps, used_regions, waves

WIDTH = 96

# Each takes the environment and says what is wrong, one line each.
CHECKS: tuple[Callable[[Environment], Iterable[str]], ...] = (placeholders,)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan, with what is wrong before it."""
    arguments = command("preflight", __doc__).parse_args(argv)
    environment = choose(arguments.environment)
    wrong = [problem for check in CHECKS for problem in check(environment)]
    print("\n".join(render(environment, wrong)))
    return 1 if wrong else 0


def render(environment: Environment, wrong: Sequence[str]) -> list[str]:
    """The page."""
    lines = [
        f"Preflight of {environment.name}: account {environment.account}, "
        f"{environment.domain}, {' and '.join(used_regions(environment))}",
        f"  stacks, in order: {', then '.join(waves(environment))}",
        "",
    ]
    if wrong:
        lines += ["NOT READY TO DEPLOY", *(f"  - {problem}" for problem in wrong), ""]
    for number, step in enumerate(steps(environment), start=1):
        lines += [*render_step(step, number), ""]
    if environment.edge.image is None or environment.app.image is None:
        note = (
            "The deploys build container images for ARM64: Docker must be running, and a machine "
            "of another architecture needs its emulation (binfmt)."
        )
        lines += [*_wrap(note, WIDTH), ""]
    return lines[:-1]


def render_step(step: Step, number: int, *, why: bool = True) -> list[str]:
    """One step as numbered, wrapped text with its commands."""
    lead, indent = f"{number:>2}. ", "    "
    lines = _wrap(step.title, WIDTH, lead, indent)
    if why:
        lines += _wrap(step.why, WIDTH, indent, indent)
    return lines + [line for words in step.commands for line in _command(words)]


def _command(words: str) -> list[str]:
    """Broken before an option where it is too long, as a shell takes it."""
    bound = re.sub(r"( --?[\w-]+) (?!-)", "\\1\0", words)  # an option stays with its value
    lines = [line.replace("\0", " ") for line in _wrap(bound, WIDTH - 10)]
    prompts = ["    $ ", *["        "] * (len(lines) - 1)]
    ends = [*[" \\"] * (len(lines) - 1), ""]
    return [prompt + line + end for prompt, line, end in zip(prompts, lines, ends, strict=True)]


def _wrap(text: str, width: int, lead: str = "", indent: str = "") -> list[str]:
    """Names of Regions and commands keep their hyphens."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    sys.exit(answer(main, "preflight"))
