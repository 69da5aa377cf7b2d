"""A release as the tree of files that its image holds: the shipped service, and what it changes.

    build(ROOT / "gameday" / "release_2", into)     # into/service, into/functions, ...

What an image holds is what service/Dockerfile copies into its work folder.
"""

from __future__ import annotations

import compileall
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from local.images import APP_IMAGE
from local.releases import Release, write

ROOT = Path(__file__).parents[1]
OVERLAY = ROOT / "gameday" / "release_2"
# Releases 2 by the class of their migrations.
OVERLAYS = {"breaking": OVERLAY, "additive": ROOT / "gameday" / "release_additive"}
# The image that the local target deploys, and what an upgrade is made to; of one repository.
IMAGES = {"1": APP_IMAGE, "2": f"{APP_IMAGE.rpartition(':')[0]}:2"}

_COPY = re.compile(r"COPY (?P<source>\S+?)/? \./(?P<place>\S+)/")
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*\n")


class PatchError(ValueError):
    """A patch was made for another file than the one that is shipped now."""


def build(into: Path, overlay: Path | None = None, *, root: Path = ROOT) -> Path:
    """Make `into` the tree of the shipped image, changed by an overlay; nothing else stays in it.

    An overlay's file is added in its place, `<file>.patch` changes the shipped file. Raises
    PatchError where that one is not as the patch has it.
    """
    shutil.rmtree(into, ignore_errors=True)
    for source, place in _held(root / "service" / "Dockerfile"):
        if (root / source).is_file():
            (into / place).mkdir(parents=True, exist_ok=True)
            shutil.copy(root / source, into / place)
            continue
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(root / source, into / place, ignore=ignored, dirs_exist_ok=True)
    for path in sorted(overlay.rglob("*")) if overlay else ():
        place = into / path.relative_to(overlay or path)
        if path.is_dir() or path.parent == overlay or "__pycache__" in path.parts:
            continue
        if path.suffix == ".patch":
            place = place.with_suffix("")
            place.write_text(patched(place.read_text(), path))
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return into


def _held(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Yield the repository's folders and files that the image holds, and the folder they go to."""
    for line in dockerfile.read_text().splitlines():
        if match := _COPY.fullmatch(line):
            yield match["source"], match["place"]


def patched(text: str, patch: Path) -> str:
    """Return the text with every hunk of a unified diff.

    PatchError unless each fits to the letter.
    """
    lines, made, at = text.splitlines(keepends=True), [], 0
    for start, hunk in _hunks(patch.read_text()):
        made += lines[at : start - 1]
        at = start - 1
        for mark, line in hunk:
            if mark != "+":
                if at >= len(lines) or lines[at] != line:
                    raise PatchError(
                        f"{patch.name} does not fit: line {at + 1} should be {line!r}; make it "
                        f"again as {OVERLAY.name}/README.md describes"
                    )
                at += 1
            if mark != "-":
                made.append(line)
    return "".join(made + lines[at:])


def _hunks(diff: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield each hunk's first line of the old text, and its lines with their marks."""
    found: list[tuple[int, list[tuple[str, str]]]] = []
    for line in diff.splitlines(keepends=True):
        if match := _HUNK.fullmatch(line):
            found.append((int(match[1]), []))
        elif found:
            found[-1][1].append((line[0], line[1:]))
    yield from found


def provide(target: Path, kind: str = "breaking") -> dict[str, Release]:
    """Make the trees of both releases in a local target's folder, and its table of them.

    `kind` is the class of release 2. Release 1 is the checkout as it is now: what is edited later
    changes nothing there.
    """
    overlays = {"1": None, "2": OVERLAYS[kind]}
    releases = {
        IMAGES[name]: Release(tree=build(target / "releases" / name, overlay), build=name)
        for name, overlay in overlays.items()
    }
    for each in releases.values():
        compileall.compile_dir(each.tree, quiet=2)  # or every process compiles it at its start
    write(target, releases)
    return releases
