"""Keeps a share of this machine for the stand-in of AWS, however many servers start beside it.

Linux divides the processors among sessions first (sched(7), "The autogroup feature"): whatever the
nice values are, a dozen servers that start together get a dozen times the share of the one process
that is DynamoDB, SQS and every load balancer, which on AWS no server takes anything from.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from local import process

_STAND_FOR_AWS = (b"local.emulator.launch", b"local.databases")
_NICE = -10  # some nine times the weight of a session that nobody favoured


def favour(folder: Path) -> int:
    """Weigh the sessions of the target's emulator and databases; returns how many were.

    None where the kernel divides otherwise, or where who runs the drill may not (only root may).
    """
    favoured = 0
    for pid in process.marked(folder):
        with contextlib.suppress(OSError):
            place = Path(f"/proc/{pid}")
            if any(name in (place / "cmdline").read_bytes() for name in _STAND_FOR_AWS):
                (place / "autogroup").write_text(str(_NICE))
                favoured += 1
    return favoured
