"""`python -m review.picture [--out FILE] [ASSEMBLY]`: the picture of a synthesized environment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from assembly.reader import read
from review.picture.facts import read as read_facts
from review.picture.layout import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="review.picture", description=__doc__)
    parser.add_argument("--out", type=Path, help="file to write; default: standard output")
    parser.add_argument("assembly", type=Path, nargs="?", default=Path("cdk.out"))
    options = parser.parse_args()
    try:
        drawn = draw(read_facts(read(options.assembly).stacks.values())).svg()
    except ValueError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 2
    if options.out is None:
        sys.stdout.write(drawn)
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
