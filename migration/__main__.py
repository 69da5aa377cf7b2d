"""`make edge-diff`: both chains side by side on this machine, asked the same, compared."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from doubles.recording_upstream import RecordingUpstream
from migration import chains, report
from migration.comparison import ChainComparison, compared
from migration.requests import ChainRequest, corpus, of_log, read_log
from migration.traffic_shift import accepted
from migration.traffic_shift.accepted import Accepted

# Apache waits this long for a body that does not come; its default of 20 would make every such row
# of the corpus last as long, and says nothing about what it does in the end.
_BODY_SECONDS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every difference is accepted, 1 when one is not, 2 when nothing could be compared."""
    parser = argparse.ArgumentParser(prog="python -m migration", description=__doc__)
    parser.add_argument("--log", type=Path, help="access log whose requests are replayed too")
    parser.add_argument("--accepted", type=Path, default=accepted.FILE)
    parser.add_argument("--out", type=Path, default=Path("out/edge-diff.json"))
    given = parser.parse_args(arguments)
    try:
        allowed = accepted.load(given.accepted)
        requests = [*corpus(), *_logged(given.log)]
        with tempfile.TemporaryDirectory(prefix="edge-diff-") as folder:
            comparison = side_by_side(Path(folder), requests, allowed)
    except (OSError, ValueError) as error:
        print(f"edge-diff: {error}", file=sys.stderr)
        return 2
    print(report.text(comparison))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report.as_json(comparison), indent=1) + "\n")
    if comparison.unlisted:
        print(f"mend the edge, or accept with a reason in {given.accepted}; all: {given.out}")
        return 1
    return 0


def side_by_side(
    folder: Path, requests: Sequence[ChainRequest], allowed: Accepted
) -> ChainComparison:
    """Start both chains in `folder` in front of one app, and compare them."""
    with RecordingUpstream() as app:
        address = f"127.0.0.1:{app.port}"
        with (
            chains.legacy(folder / "legacy", address, body_seconds=_BODY_SECONDS) as legacy,
            chains.edge(folder / "new", address) as new,
        ):
            return compared(requests, legacy=legacy, new=new, app=app, accepted=allowed)


def _logged(log: Path | None) -> list[ChainRequest]:
    """Raises ValueError where a log is given that holds no request."""
    if log is None:
        return []
    requests = of_log(read_log(log))
    if not requests:
        raise ValueError(
            f"'LOG' should be an access log in the common or combined format, of a load balancer, "
            f"or JSON with method and path, got no request in {log}"
        )
    return requests


if __name__ == "__main__":
    sys.exit(main())
