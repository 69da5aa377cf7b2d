"""Which files an image of the app tier stands for: the table of releases in a target's folder.

Without a table every tag of the app's image is this checkout. With one, an image that is not in it
is nobody's, so that no release is mistaken for another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = "releases.json"


@dataclass(frozen=True, kw_only=True)
class Release:
    """`tree` holds what the image's work folder holds; `build` is the text that readiness shows."""

    tree: Path
    build: str


def write(folder: Path, releases: Mapping[str, Release]) -> None:
    """Make this the table: an image's reference -> its release. Read anew at each task's start."""
    table = {
        image: {"tree": str(each.tree), "build": each.build} for image, each in releases.items()
    }
    fresh = folder / f"{FILE}.new"
    fresh.write_text(json.dumps(table, indent=2))
    fresh.rename(folder / FILE)


def read(folder: Path) -> dict[str, Release] | None:
    """Return the table of a target's folder; None where there is none."""
    try:
        table = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return None
    return {
        image: Release(tree=Path(each["tree"]), build=each["build"])
        for image, each in table.items()
    }
