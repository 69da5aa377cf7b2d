"""`python -m review.template_diff`: 0 nothing to answer, 1 dangers to answer, 2 no diff."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from assembly.command import answer
from review.template_diff import acknowledgements, dangers, markdown
from review.template_diff.changes import compare
from review.template_diff.pairs import pair
from review.template_diff.sides import Sides, from_assemblies, from_ref


def main(argv: Sequence[str] | None = None) -> int:
    """Print the summary; a reason why there is none goes to stderr."""
    arguments = _arguments(argv)

    def run() -> int:
        with tempfile.TemporaryDirectory(prefix="template-diff-") as scratch:
            return _report(_sides(arguments, Path(scratch)))

    return answer(run, "template diff")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="template_diff", description=__doc__)
    parser.add_argument("--base", metavar="REF", help="git ref to compare the working tree with")
    parser.add_argument("--environment", default="production", help="default: production")
    parser.add_argument("--before", type=Path, metavar="DIR", help="cloud assembly, in place of a")
    parser.add_argument("--after", type=Path, metavar="DIR", help="ref: compare two assemblies")
    parser.add_argument("--acknowledged", type=Path, metavar="FILE", help="with --after")
    parser.add_argument("--acknowledged-before", type=Path, metavar="FILE", help="with --before")
    arguments = parser.parse_args(argv)
    assemblies = (arguments.before, arguments.after)
    if (arguments.base is None) == (None in assemblies) or (arguments.base and any(assemblies)):
        parser.error("give either --base REF, or both --before DIR and --after DIR")
    files = (arguments.acknowledged, arguments.acknowledged_before)
    if arguments.base and any(files):
        parser.error(f"with --base the acknowledgements are each side's {acknowledgements.FILE}")
    for file in files:
        if file is not None and not file.is_file():
            parser.error(f"'{file}' should be a file of acknowledgements; there is none")
    return arguments


def _sides(arguments: argparse.Namespace, scratch: Path) -> Sides:
    if arguments.base is not None:
        return from_ref(Path.cwd(), arguments.base, arguments.environment, scratch)
    return from_assemblies(
        arguments.before,
        arguments.after,
        arguments.acknowledged,
        arguments.acknowledged_before,
    )


def _report(sides: Sides) -> int:
    stacks = compare(pair(sides.before, sides.after))
    findings = dangers.find(stacks)
    answers = acknowledgements.answer(findings.dangers, sides.entries, sides.entries_before)
    report = markdown.Report(
        stacks=stacks, findings=findings, answers=answers, remarks=sides.remarks
    )
    print(markdown.render(report), end="")
    return 1 if answers.unanswered else 0


def _interrupted(signum: int, frame: object) -> None:
    """A cancelled CI job sends SIGTERM: leave by the same way as Ctrl-C, worktree removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
