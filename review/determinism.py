"""Two synths of an environment, side by side and with different hash seeds, compared by byte."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from assembly.command import answer, parser
from assembly.synthesis import start
from config.reader import environment_named

ROOT = Path(__file__).parents[1]
_SEEDS = ("1", "2")  # of Python's hashes, which order sets


@dataclass(frozen=True, kw_only=True)
class FileDifference:
    """A file that is not the same on both sides."""

    file: str
    line: int
    sides: tuple[str | None, str | None]  # the line on each; None where it has none


@dataclass(frozen=True, kw_only=True)
class SynthComparison:
    """The result of comparing two directories."""

    files: int
    differences: tuple[FileDifference, ...]
    masked: tuple[str, ...]  # files that name their own run's scratch directory


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 1 on a difference, 2 where there is nothing to compare."""
    environment = environment_named(
        parser("review.determinism", __doc__).parse_args(argv).environment
    )
    print(f"Synthesizing {environment.name} twice ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="determinism-") as scratch:
        # Resolved, so that a masked path is the one that the processes see.
        sides = [Path(scratch).resolve() / name for name in ("one", "two")]
        outputs = synthesize(environment.name, sides)
        comparison = compare(outputs, sides)
    print("\n".join(render(environment.name, comparison)))
    return 1 if comparison.differences else 0


def synthesize(environment: str, sides: Sequence[Path]) -> list[Path]:
    """Run app.py once for each side, at once. Raises ValueError with the output of a failed one."""
    running = []
    for side, seed in zip(sides, _SEEDS, strict=True):
        temporary = side / "tmp"
        temporary.mkdir(parents=True)
        variables = {"PYTHONHASHSEED": seed, "TMPDIR": str(temporary)}
        out = side / "cdk.out"
        running.append(start(f"side {side.name}", ROOT, environment, out, variables=variables))
    try:
        for one in running:
            one.finish()
    finally:
        for one in running:
            one.stop()
    return [one.out for one in running]


def compare(directories: Sequence[Path], scratch: Sequence[Path] = ()) -> SynthComparison:
    """Compare every file of both directories, byte for byte.

    One thing is masked: paths below each side's own `scratch` directory. The CDK writes stack
    traces into its metadata, and they name the temporary folders that jsii unpacks itself into;
    `synthesize` puts those below the scratch directory, so a path there means nothing else.
    """
    one, two = directories
    names = sorted({name for directory in (one, two) for name in _files(directory)})
    differences, masked = [], []
    for name in names:
        raw = [file.read_bytes() if file.is_file() else None for file in (one / name, two / name)]
        read = [_mask(text, scratch) for text in raw]
        if raw != read:
            masked.append(name)
        if read[0] != read[1]:
            differences.append(_difference(name, *read))
    return SynthComparison(files=len(names), differences=tuple(differences), masked=tuple(masked))


def render(environment: str, comparison: SynthComparison) -> list[str]:
    """Return the page."""
    if comparison.masked:
        note = f", but for their own temporary folders in {len(comparison.masked)} of them"
    else:
        note = ""
    if not comparison.differences:
        return [f"{environment}: two synths made the same {comparison.files} files{note}"]
    found = comparison.differences
    lines = [f"{environment}: {len(found)} of {comparison.files} files differ between two synths"]
    for difference in found:
        lines.append(f"  {difference.file}, line {difference.line}")
        for side in difference.sides:
            lines.append(f"    {'(nothing)' if side is None else side.strip()[:200]}")
    return lines


def _files(directory: Path) -> list[str]:
    found = (file for file in directory.rglob("*") if file.is_file())
    return [file.relative_to(directory).as_posix() for file in found]


def _mask(text: bytes | None, scratch: Sequence[Path]) -> bytes | None:
    if text is None:
        return None
    for directory in scratch:
        own = re.escape(str(directory).encode())
        text = re.sub(own + rb"/tmp/[\w-]+", b"<temporary>", text)
        text = re.sub(own, b"<scratch>", text)
    return text


def _difference(name: str, one: bytes | None, two: bytes | None) -> FileDifference:
    sides = [[] if text is None else text.split(b"\n") for text in (one, two)]
    for number, pair in enumerate(zip_longest(*sides), start=1):
        if pair[0] != pair[1]:
            shown = tuple(None if x is None else x.decode(errors="replace") for x in pair)
            return FileDifference(file=name, line=number, sides=(shown[0], shown[1]))
    raise AssertionError("called for files that differ")


if __name__ == "__main__":
    sys.exit(answer(main, "determinism"))
